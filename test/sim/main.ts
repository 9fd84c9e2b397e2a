/** npm run sim -- --seeds N [--seed S] [--trace FILE] [--json] [--first]: whole clusters under faults, one from each seed.
 *  --first stops at the first seed that fails. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { loadSimulation } from '../support/simulated-machine.js'
import { RandomNetwork } from '../raft/support/random-network.js'
import { stepMs } from './clock.js'
import type { CreateDisk } from './disk.js'
import { faultNames, noFaults } from './faults.js'
import type { FaultCounts } from './faults.js'
import { LogDisk } from './log-disk.js'
import { MemoryDisk } from './memory-disk.js'
import { runSeed } from './run-seed.js'

const coreSteps = 3_000
/** Runs of cores alone for each seed: all of them together take less time than its cluster. */
const coreRuns = 5
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'string' },
    first: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    disk: { type: 'string', default: 'real' },
    // For sim:bugs.
    'log-bug': { type: 'string' },
  },
})
const createDisk = chosenDisk(values.disk)
const logBug = values['log-bug']
if (logBug !== undefined && !loadSimulation().plantBug(logBug)) {
  console.error(`the log has no bug named ${logBug}`)
  process.exit(2)
}
const firstSeed = wholeNumber('seed', values.seed)
const seedCount = wholeNumber('seeds', values.seeds)

const faults = noFaults()
/** Of cores alone. */
const core = {
  ...{ membershipChanges: 0, transfers: 0, snapshotsSent: 0, snapshotsInstalled: 0 },
  ...{ compactions: 0, crashesWithVote: 0, answersHeldUp: 0 },
}
const digests: string[] = []
let failed = 0
let simulatedSteps = 0
let operations = 0
let clusterMs = 0
// Errors are made by the thousand and shown by their message.
Error.stackTraceLimit = 0
for (let seed = firstSeed; seed < firstSeed + seedCount; seed++) {
  const startedMs = performance.now()
  const report = await runSeed(seed, { keepsTrace: values.trace !== undefined, createDisk })
  clusterMs += performance.now() - startedMs
  addUp(faults, report.faults)
  simulatedSteps += report.steps
  operations += report.operations
  digests.push(report.digest)
  if (values.trace !== undefined) writeFileSync(values.trace, report.traceText)
  const failure = report.failure ?? runCores(seed)
  if (failure === null) continue
  failed += 1
  console.error(`seed ${seed}: ${failure}`)
  console.error(`  replay: npm run sim -- --seeds 1 --seed ${seed} --trace trace.txt`)
  if (values.first) break
}
print()
process.exitCode = failed > 0 || missing().length > 0 ? 1 : 0

/** Cores alone, with what replicas cannot do yet, snapshots and compaction, beside members that come and go, and transfers. */
function runCores(seed: number): string | null {
  for (let run = 0; run < coreRuns; run++) {
    const failure = runCore(seed * coreRuns + run)
    if (failure !== null) return failure
  }
  return null
}

function runCore(seed: number): string | null {
  try {
    const { faults: ofNetwork, ...counts } = new RandomNetwork(seed, { churn: true }).run(coreSteps)
    core.membershipChanges += counts.changes
    core.transfers += counts.transfers
    core.snapshotsSent += counts.snapshotsSent
    core.snapshotsInstalled += counts.snapshotsInstalled
    core.compactions += counts.compacted
    core.crashesWithVote += ofNetwork.crashedWithVote
    core.answersHeldUp += ofNetwork.heldUp
    return null
  } catch (error) {
    return `core: ${error instanceof Error ? error.message : String(error)}`
  }
}

function addUp(totals: FaultCounts, counts: FaultCounts): void {
  for (const name of faultNames) totals[name] += counts[name]
}

/** Those of cores alone are named `core...`. */
function allFaults(): Record<string, number> {
  const ofCores = Object.entries(core).map(([name, count]) => {
    return [`core${name.charAt(0).toUpperCase()}${name.slice(1)}`, count]
  })
  return { ...faults, ...(Object.fromEntries(ofCores) as Record<string, number>) }
}

/** Faults that no run of a campaign met: it proves nothing about them. Few seeds may miss some. */
function missing(): readonly string[] {
  if (seedCount < 50) return []
  return Object.entries(allFaults()).flatMap(([name, count]) => (count > 0 ? [] : name))
}

function print(): void {
  const simulatedHoursPerHour = Math.round((simulatedSteps * stepMs) / clusterMs)
  const digest = digests.length === 1 ? digests[0] : digestOf(digests)
  if (values.json) {
    const summary = {
      seeds: seedCount,
      failed,
      simulatedHoursPerHour,
      faults: allFaults(),
    }
    console.log(JSON.stringify({ ...summary, operations, digest, notExercised: missing() }))
    return
  }
  for (const [name, count] of Object.entries(allFaults())) {
    console.log(
      `${String(count).padStart(9)}  ${name}${missing().includes(name) ? '  NOT EXERCISED' : ''}`,
    )
  }
  console.log(
    `${operations} operations, ${simulatedHoursPerHour} simulated hours per hour, trace ${digest}`,
  )
  console.log(`${seedCount - failed} passed, ${failed} failed`)
}

/** One digest for many traces (FNV-1a). */
function digestOf(parts: readonly string[]): string {
  let hash = 0x811c9dc5
  for (const character of parts.join()) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0
  }
  return hash.toString(16).padStart(8, '0')
}

function chosenDisk(name: string): CreateDisk {
  if (name === 'real') return (random, counts) => new LogDisk(random, counts)
  if (name === 'memory') return (random, counts) => new MemoryDisk(random, counts)
  console.error('--disk is real (the C++ log on a file system in memory) or memory (a model of it)')
  process.exit(2)
}

function wholeNumber(name: string, text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  console.error(`--${name} needs a whole number`)
  process.exit(2)
}
