import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMachine, type Machine } from '../cluster/machine.js'
import { perSecond, rawLatenciesUs } from '../fsync/run.js'
import { loadAppends, sharesOf, type AppendFigures } from './closed-loop.js'
import { loadPeers, type PeerModules } from './peer-install.js'
import {
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
  readonly rows: readonly AppendRow[]
  readonly ratios: readonly AppendRatio[]
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
    for (let round = 0; round < bench.rounds; round++) {
      samples.push(...(await measureRound(round, directory, bench, modules)))
    }
    return {
      benchmark: 'append',
      machine: describeMachine(directory),
      rounds: bench.rounds,
      seconds: bench.seconds,
      rows: rowsOf(samples),
      ratios: ratiosOf(samples),
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
    if (load.concurrency === 1) {
      for (const name of inTurn(Object.keys(rawLoops) as RawName[])) {
        announce(name, load)
        const figures = await measureLoop(name, load, directory)
        samples.push({ subject: { name }, load, round, figures })
      }
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

async function measureLoop(
  name: RawName,
  { payloadBytes, batch }: AppendLoad,
  directory: string,
): Promise<AppendFigures> {
  const bytes = Math.max(1, payloadBytes * batch)
  const operations = Math.max(10, Math.min(rawOperationsMax, Math.floor(rawBytesMax / bytes)))
  const latencies = await rawLatenciesUs(directory, rawLoops[name], {
    payloadBytes: bytes,
    operations,
  })
  const operationsPerSecond = perSecond(latencies)
  return {
    appendsPerSecond: operationsPerSecond * batch,
    latenciesUs: sharesOf(latencies),
    mainThreadCpuUsPerAppend: null,
    cpuUsPerAppend: null,
    syncsPerSecond: operationsPerSecond * (name === 'raw-single' ? 1 : 2),
  }
}

async function measureSystem(
  subject: AppendSubject,
  load: AppendLoad,
  directory: string,
  { seconds, signal }: AppendBench,
  modules: PeerModules,
): Promise<AppendFigures> {
  const place = join(directory, 'system')
  await mkdir(place)
  try {
    const system = await openAppendSystem(subject, place, load.concurrency, modules)
    try {
      return await loadAppends(system, load, { seconds, directory, signal })
    } finally {
      await system.close()
    }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}
