/** npm run bench:core -- [--entries N] [--batch N] [--rounds N] [--json]: how many entries a second three cores commit and apply that
 *  live in one thread. Messages are handed over at once and every write is durable at once, so this is the price of Raft alone. */
import { parseArgs } from 'node:util'

import { asReplica } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import { Core } from '../../src/raft/core.js'
import type { Message } from '../../src/raft/messages.js'

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '2000000' },
    batch: { type: 'string', default: '1,16,256' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
})
const frameBytes = 256
const entries = wholeNumber('entries', values.entries)
const rounds = wholeNumber('rounds', values.rounds)
const rows = values.batch.split(',').map((text) => measure(wholeNumber('batch', text)))

if (values.json) console.log(JSON.stringify(rows))
else for (const row of rows) console.log(describe(row))

interface Row {
  readonly batch: number
  readonly entries: number
  readonly rounds: number
  /** Medians, and the slowest and fastest round. */
  readonly entriesPerSecond: number
  readonly slowest: number
  readonly fastest: number
}

function measure(batch: number): Row {
  // One by one costs forty times as much: a tenth of the entries says enough.
  const count = batch === 1 ? Math.ceil(entries / 10) : entries
  run(batch, Math.ceil(count / 10))
  const rates = Array.from({ length: rounds }, () => run(batch, count)).sort((a, b) => a - b)
  const at = (share: number): number => Math.round(rates[Math.floor((rounds - 1) * share)] ?? 0)
  return {
    batch,
    entries: count,
    rounds,
    entriesPerSecond: at(0.5),
    slowest: at(0),
    fastest: at(1),
  }
}

/** Proposes at least `count` entries, each batch committed and applied everywhere before the next.
 *  @returns entries per second. */
function run(batch: number, count: number): number {
  const cores = electedCores()
  const leader = cores[0] as Core
  const lengths = new Uint32Array(batch).fill(frameBytes)
  const startedMs = performance.now()
  let proposed = 0
  while (proposed < count) {
    const result = leader.propose(0, lengths)
    if (result.kind === 'dropped') throw new Error(`a proposal was dropped: ${result.reason}`)
    settle(cores)
    proposed += batch
  }
  const seconds = (performance.now() - startedMs) / 1000
  assertApplied(cores)
  return proposed / seconds
}

function electedCores(): Core[] {
  const voters = [1, 2, 3].map(asReplica)
  const cores = voters.map((id) => new Core({ id, voters, random: new SeededRandom(id) }))
  cores[0]?.campaign()
  settle(cores)
  return cores
}

/** Takes every Ready of every core until none has one. */
function settle(cores: readonly Core[]): void {
  let busy = true
  while (busy) {
    busy = false
    for (const core of cores) {
      if (!core.hasReady()) continue
      busy = true
      serve(core, cores)
    }
  }
}

function serve(core: Core, cores: readonly Core[]): void {
  const ready = core.takeReady()
  if (ready.acknowledgement) core.acknowledge(ready.acknowledgement)
  deliver(ready.messages, cores)
  deliver(ready.messagesAfterPersist, cores)
  if (ready.committed === undefined) return
  core.acknowledgeApplied(ready.committed.lastIndex)
  core.compactBefore(ready.committed.firstIndex)
}

function deliver(messages: readonly Message[], cores: readonly Core[]): void {
  for (const message of messages) cores[message.to - 1]?.step(message)
}

/** All of it counts only if everybody applied it; the followers learn the last commit index from a heartbeat. */
function assertApplied(cores: readonly Core[]): void {
  for (let ticks = 0; ticks < 5; ticks++) cores[0]?.tick()
  settle(cores)
  const [first, ...others] = cores.map((core) => core.status())
  const same = others.every(({ appliedIndex }) => appliedIndex === first?.lastIndex)
  if (!same) throw new Error('not every entry was applied on every core')
}

function describe({ batch, entriesPerSecond, slowest, fastest, entries: count }: Row): string {
  const [median, low, high] = [entriesPerSecond, slowest, fastest].map((n) =>
    n.toLocaleString('en'),
  )
  return `batches of ${batch}: ${median} entries/s (${low} to ${high}; ${rounds} rounds of ${count})`
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  console.error(`--${name} needs whole numbers above 0`)
  process.exit(2)
}
