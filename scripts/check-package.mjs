// Packs the package and lets publint and attw judge the tarball that a user would get.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { packInto } from './pack.mjs'
import { runSteps } from './steps.mjs'

const folder = mkdtempSync(path.join(os.tmpdir(), 'clustor-pack-'))
try {
  const tarball = packInto(folder)
  await runSteps([
    {
      name: 'publint',
      command: ['publint', 'run', tarball, '--strict'],
      quiet: true,
      single: true,
    },
    {
      name: 'attw: are the types wrong?',
      command: ['attw', tarball, '--profile', 'esm-only'],
      quiet: true,
      single: true,
    },
  ])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
