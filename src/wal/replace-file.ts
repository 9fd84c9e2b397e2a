import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Puts a small file in the place of another, durably: after a crash there is the old one or the new one, whole. One call for a
 *  path at a time. @throws what the file system says. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const beside = `${path}.next`
  const file = await open(beside, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  await syncDirectory(dirname(path))
}

/** Makes names in a directory durable. */
async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
