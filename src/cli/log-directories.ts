import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ClustorError } from '../base/errors.js'

/** How far below a node's data directory its partitions may lie. */
const depthMax = 2

/** The logs in a directory: itself, when it is the directory of a partition, else the partitions of a node below it.
 *  @throws ERR_INVALID_ARGUMENT when there is none; what the file system says when it cannot be read. */
export async function findLogDirectories(directory: string): Promise<string[]> {
  const found = await search(directory, depthMax)
  if (found.length > 0) return found.sort()
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `${directory} holds no log: neither it nor a directory below it has an identity.json`,
    { fields: { path: directory } },
  )
}

async function search(directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true })
  if (entries.some(({ name }) => name === 'identity.json') && (await hasLog(directory))) {
    return [directory]
  }
  if (depth === 0) return []
  const below = entries.filter((entry) => entry.isDirectory())
  const found = await Promise.all(below.map(({ name }) => search(join(directory, name), depth - 1)))
  return found.flat()
}

// A node's own directory may have an identity too; a log also has segments.
async function hasLog(directory: string): Promise<boolean> {
  try {
    return (await stat(join(directory, 'wal'))).isDirectory()
  } catch {
    return false
  }
}
