import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describeMachine, type Machine } from '../cluster/machine.js'
import { median, spread, type Spread } from '../cluster/statistics.js'
import { sampleFsync, type FsyncSample } from '../fsync/run.js'
import { loadAppends, type AppendFigures } from './closed-loop.js'
import {
  appendSystems,
  openAppendSystem,
  type AppendLogOptions,
  type AppendSystemName,
} from './systems.js'

/** What to measure. */
export interface AppendBench {
  /** Its disk is measured; files are made in a temporary folder inside and removed. */
  readonly directory: string
  /** Numbers of concurrent appenders. */
  readonly appenders: readonly number[]
  readonly payloadBytes: number
  readonly rounds: number
  /** Measured time of each load, after a warm-up. */
  readonly seconds: number
  readonly log: AppendLogOptions
  readonly onProgress: (text: string) => void
  readonly signal: AbortSignal
}

/** The figures of one system under one number of appenders, over all rounds. */
export interface AppendSystemFigures {
  readonly system: AppendSystemName
  readonly appenders: number
  readonly appendsPerSecond: Spread
  readonly p50Us: Spread
  readonly p99Us: Spread
  readonly cpuUsPerAppend: Spread
}

/** `DurableLog` beside a yardstick: medians of the ratios within each round. */
export interface AppendRatio {
  readonly system: AppendSystemName
  readonly against: 'js-group-commit' | 'two-ordered' | 'single-preallocated'
  readonly appenders: number
  readonly figure: 'p50' | 'appends/s'
  readonly ratio: number
}

/** The whole measurement, as `--json` prints it. */
export interface AppendReport {
  readonly benchmark: 'append'
  readonly machine: Machine
  readonly settings: {
    readonly payloadBytes: number
    readonly rounds: number
    readonly seconds: number
    readonly ledger: AppendLogOptions['ledger']
    /** Whether blocks are encrypted and segments sealed. */
    readonly aead: boolean
  }
  /** The raw loops of the same rounds, one write at a time. */
  readonly raw: readonly { readonly method: FsyncSample['method']; readonly p50Us: Spread }[]
  readonly figures: readonly AppendSystemFigures[]
  readonly ratios: readonly AppendRatio[]
}

interface AppendSample extends AppendFigures {
  readonly system: AppendSystemName
  readonly appenders: number
  readonly round: number
}

interface Samples {
  readonly appends: AppendSample[]
  readonly raw: FsyncSample[]
}

const rawMethods = ['single-preallocated', 'two-ordered'] as const

/** Durable writes of a raw loop in a round. */
const rawOperations = 1000

/** Measures `DurableLog`, a hand-written group commit and the raw system calls in one process and in interleaved rounds:
 *  the disk drifts by tens of per cent within a minute, so only ratios of one round say something. */
export async function benchAppend(bench: AppendBench): Promise<AppendReport> {
  await mkdir(bench.directory, { recursive: true })
  const directory = await mkdtemp(join(bench.directory, 'clustor-bench-'))
  try {
    const samples: Samples = { appends: [], raw: [] }
    for (let round = 0; round < bench.rounds; round++) {
      await measureRound(round, join(directory, String(round)), bench, samples)
    }
    return report(samples, describeMachine(directory), bench)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measureRound(
  round: number,
  directory: string,
  bench: AppendBench,
  samples: Samples,
): Promise<void> {
  await mkdir(directory, { recursive: true })
  const settings = { payloadBytes: bench.payloadBytes, operations: rawOperations }
  for (const method of rawMethods) {
    samples.raw.push(await sampleFsync(directory, method, round, settings))
  }
  // Every other round runs in the opposite order, so that no system always has the warm machine.
  const systems = round % 2 === 0 ? appendSystems : appendSystems.toReversed()
  for (const appenders of bench.appenders) {
    for (const system of systems) {
      bench.signal.throwIfAborted()
      bench.onProgress(
        `round ${round + 1} of ${bench.rounds}: ${system}, ${appenders} concurrent appenders`,
      )
      samples.appends.push(await measure(system, appenders, round, directory, bench))
    }
  }
  await rm(directory, { recursive: true, force: true })
}

async function measure(
  name: AppendSystemName,
  appenders: number,
  round: number,
  directory: string,
  { payloadBytes, seconds, log }: AppendBench,
): Promise<AppendSample> {
  const system = await openAppendSystem(name, directory, log)
  try {
    const figures = await loadAppends(system, { appenders, payloadBytes, seconds })
    return { system: name, appenders, round, ...figures }
  } finally {
    await system.close()
    await rm(join(directory, name), { recursive: true, force: true })
  }
}

function report(samples: Samples, machine: Machine, bench: AppendBench): AppendReport {
  const { payloadBytes, rounds, seconds, appenders, log } = bench
  const settings = {
    payloadBytes,
    rounds,
    seconds,
    ledger: log.ledger,
    aead: log.keys !== undefined,
  }
  return {
    benchmark: 'append',
    machine,
    settings,
    raw: rawMethods.map((method) => ({
      method,
      p50Us: spread(
        samples.raw.filter((sample) => sample.method === method).map(({ p50Us }) => p50Us),
      ),
    })),
    figures: appenders.flatMap((count) =>
      appendSystems.map((system) => figuresOf(system, count, samples.appends)),
    ),
    ratios: [...rawRatios(samples, appenders), ...groupCommitRatios(samples, appenders)],
  }
}

function figuresOf(
  system: AppendSystemName,
  appenders: number,
  samples: readonly AppendSample[],
): AppendSystemFigures {
  const own = samples.filter((sample) => sample.system === system && sample.appenders === appenders)
  return {
    system,
    appenders,
    appendsPerSecond: spread(own.map((sample) => sample.appendsPerSecond)),
    p50Us: spread(own.map((sample) => sample.p50Us)),
    p99Us: spread(own.map((sample) => sample.p99Us)),
    cpuUsPerAppend: spread(own.map((sample) => sample.cpuUsPerAppend)),
  }
}

/** One at a time: how much an acknowledgement costs over the system calls it needs. */
function rawRatios(samples: Samples, appenders: readonly number[]): AppendRatio[] {
  if (!appenders.includes(1)) return []
  return (['strict', 'group'] as const).flatMap((system) =>
    rawMethods.map((against) => ({
      system,
      against,
      appenders: 1,
      figure: 'p50' as const,
      ratio: median(
        samples.appends
          .filter((sample) => sample.system === system && sample.appenders === 1)
          .map((sample) => sample.p50Us / rawP50Us(samples, against, sample.round)),
      ),
    })),
  )
}

function rawP50Us({ raw }: Samples, method: FsyncSample['method'], round: number): number {
  return raw.find((sample) => sample.method === method && sample.round === round)?.p50Us ?? NaN
}

/** Many at a time: throughput beside a hand-written group commit that syncs one file and frames nothing. */
function groupCommitRatios(samples: Samples, appenders: readonly number[]): AppendRatio[] {
  return appenders.map((count) => ({
    system: 'group',
    against: 'js-group-commit',
    appenders: count,
    figure: 'appends/s',
    ratio: median(
      samples.appends
        .filter((sample) => sample.system === 'group' && sample.appenders === count)
        .map((sample) => sample.appendsPerSecond / yardstick(samples, count, sample.round)),
    ),
  }))
}

function yardstick({ appends }: Samples, appenders: number, round: number): number {
  const found = appends.find(
    (sample) =>
      sample.system === 'js-group-commit' &&
      sample.appenders === appenders &&
      sample.round === round,
  )
  return found?.appendsPerSecond ?? NaN
}
