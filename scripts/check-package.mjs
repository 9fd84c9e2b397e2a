// Packs the package, weighs its binaries, and lets publint and attw judge the tarball that a user would get.

import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { packInto } from './pack.mjs'
import { prebuildsOf, tooLarge } from './prebuilds.mjs'
import { packageRoot, runSteps } from './steps.mjs'

if (process.argv.includes('--sizes')) weigh()
else await check()

/** What npm pack has put into the tarball is what stands in prebuilds/. */
function weigh() {
  const binaries = prebuildsOf()
  const complaints = binaries.length === 0 ? ['prebuilds/ holds no binary'] : tooLarge(binaries)
  for (const { file, bytes } of binaries) console.log(`${file}: ${String(bytes)} bytes`)
  for (const complaint of complaints) console.error(complaint)
  process.exitCode = complaints.length === 0 ? 0 : 1
}

async function check() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'clustor-pack-'))
  try {
    await runSteps(
      checksOf(packInto(folder)).map((step) => ({ ...step, quiet: true, single: true })),
    )
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function checksOf(tarball) {
  const self = path.join(packageRoot, 'scripts', 'check-package.mjs')
  return [
    { name: 'sizes of the binaries', command: ['node', self, '--sizes'] },
    { name: 'publint', command: ['publint', 'run', tarball, '--strict'] },
    {
      name: 'attw: are the types wrong?',
      command: ['attw', tarball, '--profile', 'esm-only'],
    },
  ]
}
