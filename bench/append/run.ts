import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMachine, type Machine } from '../cluster/machine.js'
import { loadAppends, type AppendFigures } from './closed-loop.js'
import {
  eventLoopReport,
  sampleEventLoop,
  type EventLoopReport,
  type EventLoopSample,
} from './event-loop.js'
import { loadPeers, type PeerModules } from './peer-install.js'
import { LoopLatencies, loopsFor } from './raw-loops.js'
import { ratiosOf, rowsOf, type AppendRatio, type AppendRow, type AppendSample } from './rows.js'
import {
  loadsOf,
  subjectsOf,
  type AppendLoad,
  type AppendMatrix,
  type AppendSubject,
} from './settings.js'
import { openAppendSystem } from './systems.js'

/** What to measure. */
export interface AppendBench {
  /** Its disk is measured; files are made in a temporary folder inside and removed. */
  readonly directory: string
  readonly matrix: AppendMatrix
  readonly rounds: number
  /** Measured time of each load, after a warm-up. */
  readonly seconds: number
  /** Whether logs use segments again from the first append on, as in the long run (bench/append/steady-logs.ts). */
  readonly primed: boolean
  /** Whether the delay of an appending event loop is measured as well; about five seconds more a round. */
  readonly eventLoop: boolean
  /** Where the packages of peers stay between runs. */
  readonly peerCache: string
  readonly onProgress: (text: string) => void
  readonly signal: AbortSignal
}

/** The whole measurement, as `--json` prints it. */
export interface AppendReport {
  readonly benchmark: 'append'
  readonly machine: Machine
  readonly rounds: number
  readonly seconds: number
  readonly primed: boolean
  readonly rows: readonly AppendRow[]
  readonly ratios: readonly AppendRatio[]
  /** Null when it was not asked for. */
  readonly eventLoop: EventLoopReport | null
}

/** Measures `DurableLog`, the raw system calls and the yardsticks in one process and in interleaved rounds:
 *  the disk drifts by tens of per cent within a minute, so only ratios of one round say something.
 *  @throws ERR_INVALID_ARGUMENT when a peer cannot be installed; what the signal was aborted with. */
export async function benchAppend(bench: AppendBench): Promise<AppendReport> {
  const { against } = bench.matrix
  const modules = await loadPeers(against, bench.peerCache, bench.onProgress, bench.signal)
  await mkdir(bench.directory, { recursive: true })
  const directory = await mkdtemp(join(bench.directory, 'clustor-bench-'))
  try {
    const samples: AppendSample[] = []
    const loops: EventLoopSample[] = []
    for (let round = 0; round < bench.rounds; round++) {
      samples.push(...(await measureRound(round, directory, bench, modules)))
      if (bench.eventLoop) loops.push(await measureEventLoop(round, directory, bench))
    }
    return {
      benchmark: 'append',
      machine: describeMachine(directory),
      rounds: bench.rounds,
      seconds: bench.seconds,
      primed: bench.primed,
      rows: rowsOf(samples),
      ratios: ratiosOf(samples),
      eventLoop: loops.length === 0 ? null : eventLoopReport(loops),
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measureRound(
  round: number,
  directory: string,
  bench: AppendBench,
  modules: PeerModules,
): Promise<AppendSample[]> {
  const samples: AppendSample[] = []
  for (const load of loadsOf(bench.matrix)) {
    samples.push(...(await measureLoad(load, round, directory, bench, modules)))
  }
  bench.signal.throwIfAborted()
  return samples
}

/** The disk drifts while systems are measured, so the raw loops are what they were before and after them. */
async function measureLoad(
  load: AppendLoad,
  round: number,
  directory: string,
  bench: AppendBench,
  modules: PeerModules,
): Promise<AppendSample[]> {
  // Every other round runs in the opposite order, so that no system always has the warm machine.
  const inTurn = <Item>(items: Item[]): Item[] => (round % 2 === 0 ? items : items.toReversed())
  const loops = new LoopLatencies()
  const measureLoops = async (): Promise<void> => {
    for (const name of inTurn(loopsFor(load))) {
      announce(name, load, round, bench)
      await loops.measure(name, load, directory)
    }
  }
  const systems: AppendSample[] = []
  await measureLoops()
  for (const subject of inTurn(subjectsOf(bench.matrix, load))) {
    announce(subject.name, load, round, bench)
    const figures = await measureSystem(subject, load, directory, bench, modules)
    systems.push({ subject, load, round, figures })
  }
  await measureLoops()
  return [...loops.samples(load, round), ...systems]
}

function announce(
  name: string,
  { payloadBytes, concurrency, batch }: AppendLoad,
  round: number,
  { rounds, onProgress, signal }: AppendBench,
): void {
  signal.throwIfAborted()
  onProgress(
    `round ${round + 1} of ${rounds}: ${name}, ${concurrency} × ${batch} × ${payloadBytes} B`,
  )
}

async function measureEventLoop(
  round: number,
  directory: string,
  { matrix, rounds, seconds, onProgress, signal }: AppendBench,
): Promise<EventLoopSample> {
  const [ledger = 'ordered'] = matrix.ledgers
  onProgress(`round ${round + 1} of ${rounds}: the event loop, ledger ${ledger}`)
  return await sampleEventLoop(directory, { ledger, seconds, signal })
}

async function measureSystem(
  subject: AppendSubject,
  load: AppendLoad,
  directory: string,
  { seconds, primed, signal }: AppendBench,
  modules: PeerModules,
): Promise<AppendFigures> {
  const place = join(directory, 'system')
  await mkdir(place)
  try {
    const time = { primed, signal }
    const system = await openAppendSystem(subject, place, load.concurrency, modules, time)
    try {
      return await loadAppends(system, load, { seconds, directory, signal })
    } finally {
      await system.close()
    }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
