import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Puts a small file in the place of another, durably: after a crash there is the old one or the new one, whole.
 *  Blocks for two syncs. @throws what the file system says. */
export function replaceFile(path: string, text: string): void {
  const beside = `${path}.next`
  const file = openSync(beside, 'w')
  try {
    writeFileSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
  syncDirectory(dirname(path))
}

/** Makes names in a directory durable. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}
