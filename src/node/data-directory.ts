import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'

import { ClustorError } from '../base/errors.js'

/** Makes a node's directory if it is missing, and proves that it can be written, before anything depends on it.
 *  @throws ERR_NOT_WRITABLE with path, errno and syscall. */
export async function prepareDataDirectory(directory: string): Promise<void> {
  const probe = path.join(directory, '.write_probe')
  try {
    await mkdir(directory, { recursive: true })
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
