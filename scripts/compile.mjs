// Compiles TypeScript: `node scripts/compile.mjs` makes dist/ (what ships), `--tests` makes build/ (that and the tests).
// Outputs whose source is gone are removed, so that a renamed test does not run twice.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

const target = process.argv.includes('--tests')
  ? { project: 'tsconfig.json', outputFolder: 'build' }
  : { project: 'tsconfig.build.json', outputFolder: 'dist' }

for (const folder of ['src', 'bench', 'test']) {
  removeStale(path.join(packageRoot, target.outputFolder, folder), path.join(packageRoot, folder))
}
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const run = spawnSync(process.execPath, [compiler, '-p', target.project], {
  cwd: packageRoot,
  stdio: 'inherit',
})
process.exitCode = run.status ?? 1

function removeStale(outputFolder, sourceFolder) {
  if (!existsSync(outputFolder)) return
  for (const entry of readdirSync(outputFolder, { withFileTypes: true })) {
    const output = path.join(outputFolder, entry.name)
    const source = path.join(sourceFolder, entry.name)
    if (entry.isDirectory()) removeStale(output, source)
    else if (!existsSync(source.replace(/(\.d\.ts|\.js)$/, '.ts'))) rmSync(output)
  }
}
