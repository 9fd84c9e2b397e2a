import { open, type FileHandle } from 'node:fs/promises'

/** Length of the file, which is overwritten from its beginning when its end is reached. */
export const zeroedFileBytes = 64 * 1024 * 1024
const zeroBytes = 1024 * 1024

/** A new file full of zeros, synced, so that overwriting it changes nothing but its data. */
export async function openZeroedFile(path: string): Promise<FileHandle> {
  const file = await open(path, 'w+')
  const zeros = Buffer.alloc(zeroBytes)
  for (let offset = 0; offset < zeroedFileBytes; offset += zeroBytes) {
    await file.write(zeros, 0, zeroBytes, offset)
  }
  await file.sync()
  return file
}
