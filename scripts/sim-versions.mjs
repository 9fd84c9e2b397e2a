// Runs the same seeds of the simulator twice on this Node.js and once on each of the other versions that the package supports, and
// compares the digests of the traces: `node scripts/sim-versions.mjs [--seeds N] [--seed S] [--versions 22,24]`.
// The other versions come from npm (package `node`), into build/node-versions.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from './steps.mjs'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    versions: { type: 'string', default: '20,22,24' },
  },
})

const own = process.execPath
const runs = [
  [process.version, own],
  [process.version, own],
  ...values.versions.split(',').map((version) => [`v${version}`, installed(version)]),
]
const digests = runs.map(([name, node]) => {
  const digest = digestOf(node)
  console.log(`${name.padEnd(10)} ${digest}`)
  return digest
})
const different = digests.filter((digest) => digest !== digests[0]).length
console.log(`${runs.length - different} passed, ${different} failed`)
process.exitCode = different > 0 ? 1 : 0

function installed(version) {
  const folder = path.join(packageRoot, 'build/node-versions', version)
  const node = path.join(folder, 'node_modules/node/bin/node')
  if (existsSync(node)) return node
  mkdirSync(folder, { recursive: true })
  run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `node@${version}`])
  return node
}

/** The digest of the traces; the log is the model, so that no version needs an addon of its own. */
function digestOf(node) {
  const { seeds, seed } = values
  const main = path.join(packageRoot, 'build/test/sim/main.js')
  const output = run(node, [main, '--json', '--disk', 'memory', '--seeds', seeds, '--seed', seed])
  return JSON.parse(output).digest
}

function run(command, args) {
  const { status, stdout } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status === 0) return stdout
  console.error(`${command} ended with ${status}`)
  process.exit(1)
}
