import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { ClustorError } from '../base/errors.js'

/** Makes a node's directory if it is missing, and proves that it can be written, before anything depends on it.
 *  @throws ERR_NOT_WRITABLE with path, errno and syscall. */
export async function prepareDataDirectory(directory: string): Promise<void> {
  const probe = path.join(directory, '.write_probe')
  try {
    await makeDirectories(path.resolve(directory))
    await writeFile(probe, 'clustor\n')
    await rm(probe)
  } catch (cause) {
    const { code, syscall, message } = cause as NodeJS.ErrnoException
    throw new ClustorError(
      'ERR_NOT_WRITABLE',
      `the data directory ${directory} is not writable: ${message}`,
      {
        cause,
        fields: { path: directory, errno: code, syscall },
      },
    )
  }
}

// Not mkdir's option `recursive`: below a file system that takes no directories, such as /proc, it tries forever.
async function makeDirectories(directory: string): Promise<void> {
  if (await isDirectory(directory)) return
  const parent = path.dirname(directory)
  if (parent !== directory) await makeDirectories(parent)
  await mkdir(directory).catch(async (error: unknown) => {
    // Another process may have made it meanwhile.
    if (!(await isDirectory(directory))) throw error
  })
}

async function isDirectory(directory: string): Promise<boolean> {
  return stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  )
}
