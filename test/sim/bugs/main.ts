/** npm run sim:bugs -- [--seeds N] [--seed S] [--share K/M] [--only TEXT] [--disk real|memory]: plants one bug at a time and says which seed found it.
 *  --share 2/10 takes every tenth bug from the second on. */
import { spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

import { logBugs, plantedBugs } from './planted.js'
import type { LogBug, PlantedBug } from './planted.js'

const build = fileURLToPath(new URL('../../../', import.meta.url))
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    share: { type: 'string', default: '1/1' },
    only: { type: 'string', default: '' },
    // For bugs that are not in the log a model of it does, and does it faster.
    disk: { type: 'string', default: 'memory' },
  },
})

const [first = 1, every = 1] = values.share.split('/').map(Number)
const bugs = [...plantedBugs, ...logBugs].filter(
  ({ name }, at) => at % every === first - 1 && name.includes(values.only),
)
const needsLog = bugs.some((bug) => 'logBug' in bug)
for (const disk of new Set([values.disk, ...(needsLog ? ['real'] : [])])) assertSound(disk)
let failed = 0
for (const bug of bugs) {
  const found = campaign(bug)
  if (found === null) failed += 1
  console.log(`| ${bug.name} | ${found ?? 'NOT FOUND'} |`)
}
console.log(`${bugs.length - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 || bugs.length === 0 ? 1 : 0

/** Without a bug no seed fails, or those that fail with one prove nothing. */
function assertSound(disk: string): void {
  const run = simulate(build, ['--disk', disk, '--seeds', '3'])
  if (run.status === 0) return
  console.error(`without any bug, --disk ${disk} fails:\n${run.stderr}`)
  process.exit(1)
}

/** The seed that found the bug, and how; null when none did. */
function campaign(bug: PlantedBug | LogBug): string | null {
  const run = 'logBug' in bug ? runWithLogBug(bug) : runPlanted(bug)
  const seed = /^seed (\d+): (.*)$/m.exec(run.stderr)
  if (seed !== null) return `${seed[1]} | ${(seed[2] ?? '').replaceAll('|', ' ').slice(0, 100)}`
  // A campaign that ended otherwise than by a verdict has found nothing.
  if (!/ passed, /.test(run.stdout)) console.error(run.stderr)
  return null
}

function runPlanted(bug: PlantedBug): SpawnSyncReturns<string> {
  const copy = plant(bug)
  const run = simulate(copy, ['--disk', values.disk])
  rmSync(copy, { recursive: true })
  return run
}

function runWithLogBug({ logBug }: LogBug): SpawnSyncReturns<string> {
  return simulate(build, ['--disk', 'real', '--log-bug', logBug])
}

function simulate(folder: string, flags: readonly string[]): SpawnSyncReturns<string> {
  const program = path.join(folder, 'test/sim/main.js')
  const range = ['--seeds', values.seeds, '--seed', values.seed]
  const all = [program, ...range, '--first', ...flags]
  return spawnSync(process.execPath, all, { encoding: 'utf8' })
}

/** A copy of what was compiled, with the bug in it, beside the original: what it imports is found from there as well. */
function plant({ name, also = [], ...edit }: PlantedBug): string {
  const copy = path.join(build, 'planted', String(process.pid))
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(copy, { recursive: true })
  for (const folder of ['src', 'test/sim', 'test/raft/support', 'test/support']) {
    cpSync(path.join(build, folder), path.join(copy, folder), { recursive: true })
  }
  for (const { file, text, replacement } of [edit, ...also]) {
    const target = path.join(copy, 'src', file)
    const parts = readFileSync(target, 'utf8').split(text)
    if (parts.length !== 2) {
      throw new Error(`${name}: ${file} has a text ${parts.length - 1} times: ${text}`)
    }
    writeFileSync(target, parts.join(replacement))
  }
  return copy
}
