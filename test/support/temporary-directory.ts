import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'

/** An empty directory that is removed when the test ends. */
export function temporaryDirectory(t: Pick<ExecutionContext, 'teardown'>): string {
  const directory = mkdtempSync(join(directoryOnDisk(), 'clustor-test-'))
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true })
  })
  return directory
}

/** Where tests keep logs: the system's directory for temporary files, unless that is in memory, where a log is refused. */
export function directoryOnDisk(): string {
  if (!memoryFileSystems.includes(statfsSync(tmpdir()).type)) return tmpdir()
  mkdirSync(besideTests, { recursive: true })
  return besideTests
}

/** tmpfs and ramfs, as statfs(2) of Linux numbers them. */
const memoryFileSystems = [0x01021994, 0x858458f6]

const besideTests = fileURLToPath(new URL('../../temporary', import.meta.url))
