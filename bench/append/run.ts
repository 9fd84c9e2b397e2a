import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ClustorError } from '../../src/base/errors.js'
import { describeMachine, type Machine } from '../cluster/machine.js'
import { perSecond, rawLatenciesUs } from '../fsync/run.js'
import { loadAppends, sharesOf, type AppendFigures } from './closed-loop.js'
import {
  eventLoopReport,
  sampleEventLoop,
  type EventLoopReport,
  type EventLoopSample,
} from './event-loop.js'
import { loadPeers, type PeerModules } from './peer-install.js'
import {
  oneFileLoops,
  ratiosOf,
  rawLoops,
  rowsOf,
  type AppendRatio,
  type AppendRow,
  type AppendSample,
  type RawName,
} from './rows.js'
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

/** Durable writes of a raw loop in a round; fewer when they are large. */
const rawOperationsMax = 1000
const rawBytesMax = 64 * 1024 * 1024

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
  // Every other round runs in the opposite order, so that no system always has the warm machine.
  const inTurn = <Item>(items: Item[]): Item[] => (round % 2 === 0 ? items : items.toReversed())
  const announce = (name: string, { payloadBytes, concurrency, batch }: AppendLoad): void => {
    bench.signal.throwIfAborted()
    bench.onProgress(
      `round ${round + 1} of ${bench.rounds}: ${name}, ${concurrency} × ${batch} × ${payloadBytes} B`,
    )
  }
  for (const load of loadsOf(bench.matrix)) {
    for (const name of inTurn(loopsFor(load))) {
      announce(name, load)
      const figures = await measureLoop(name, load, directory)
      if (figures !== null) samples.push({ subject: { name }, load, round, figures })
    }
    for (const subject of inTurn(subjectsOf(bench.matrix, load))) {
      announce(subject.name, load)
      const figures = await measureSystem(subject, load, directory, bench, modules)
      samples.push({ subject, load, round, figures })
    }
  }
  bench.signal.throwIfAborted()
  return samples
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

/** Raw loops do one write after the other, so they stand beside a single appender. */
const loopsFor = ({ concurrency }: AppendLoad): RawName[] =>
  concurrency === 1 ? (Object.keys(rawLoops) as RawName[]) : []

/** Null where the file system has no O_DIRECT. */
async function measureLoop(
  name: RawName,
  { payloadBytes, batch }: AppendLoad,
  directory: string,
): Promise<AppendFigures | null> {
  const latencies = await loopLatenciesUs(name, payloadBytes * batch, directory)
  if (latencies === null) return null
  const operationsPerSecond = perSecond(latencies)
  return {
    appendsPerSecond: operationsPerSecond * batch,
    latenciesUs: sharesOf(latencies),
    mainThreadCpuUsPerAppend: null,
    cpuUsPerAppend: null,
    syncsPerSecond: operationsPerSecond * (oneFileLoops.includes(name) ? 1 : 2),
    spaceOverhead: null,
  }
}

async function loopLatenciesUs(
  name: RawName,
  bytes: number,
  directory: string,
): Promise<number[] | null> {
  const operations = Math.max(10, Math.min(rawOperationsMax, Math.floor(rawBytesMax / bytes)))
  try {
    return await rawLatenciesUs(directory, rawLoops[name], { payloadBytes: bytes, operations })
  } catch (error) {
    if (name === 'raw-direct' && isRefusal(error)) return null
    throw error
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof ClustorError && error.code === 'ERR_INVALID_ARGUMENT'

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
