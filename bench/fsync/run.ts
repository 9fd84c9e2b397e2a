import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadAddon, type RawBenchMethod } from '../../src/native/addon.js'
import { toClustorError } from '../../src/native/native-error.js'
import { describeMachine, type Machine } from '../cluster/machine.js'
import { median, percentile, spread, type Spread } from '../cluster/statistics.js'

/** What to measure. */
export interface FsyncBench {
  /** Its disk is measured; files are made in a temporary folder inside and removed. */
  readonly directory: string
  /** Bytes of each write. */
  readonly payloadBytes: number
  readonly rounds: number
  /** Durable writes of each loop and round. */
  readonly operations: number
  readonly onProgress: (text: string) => void
  readonly signal: AbortSignal
}

/** One loop over all rounds. */
export interface FsyncFigures {
  readonly method: FsyncMethod
  readonly p50Us: Spread
  readonly p99Us: Spread
  readonly operationsPerSecond: Spread
  /** Median over the rounds of p50 ÷ p50 of one preallocated file in the same round. */
  readonly ratio: number
}

/** The whole measurement, as `--json` prints it. */
export interface FsyncReport {
  readonly benchmark: 'fsync'
  readonly machine: Machine
  readonly settings: {
    readonly payloadBytes: number
    readonly rounds: number
    readonly operations: number
  }
  readonly figures: readonly FsyncFigures[]
}

/** One loop of one round. */
interface FsyncSample {
  readonly method: FsyncMethod
  readonly round: number
  readonly p50Us: number
  readonly p99Us: number
  readonly operationsPerSecond: number
}

/** The loops, in the order in which figures are shown. */
export const fsyncMethods = [
  'single-preallocated',
  'single-extending',
  'two-ordered',
  'two-parallel',
] as const satisfies readonly RawBenchMethod[]

export type FsyncMethod = (typeof fsyncMethods)[number]

/** Measures the raw system calls of a disk with native loops, in interleaved rounds: the disk drifts, ratios hold. */
export async function benchFsync(bench: FsyncBench): Promise<FsyncReport> {
  await mkdir(bench.directory, { recursive: true })
  const directory = await mkdtemp(join(bench.directory, 'clustor-bench-'))
  try {
    const samples: FsyncSample[] = []
    for (let round = 0; round < bench.rounds; round++) {
      for (const method of round % 2 === 0 ? fsyncMethods : fsyncMethods.toReversed()) {
        bench.signal.throwIfAborted()
        bench.onProgress(`round ${round + 1} of ${bench.rounds}: ${method}`)
        samples.push(await sampleFsync(directory, method, round, bench))
      }
    }
    return report(samples, describeMachine(directory), bench)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Runs one loop once. */
async function sampleFsync(
  directory: string,
  method: FsyncMethod,
  round: number,
  settings: Pick<FsyncBench, 'payloadBytes' | 'operations'>,
): Promise<FsyncSample> {
  const microseconds = await rawLatenciesUs(directory, method, settings)
  return {
    method,
    round,
    p50Us: percentile(microseconds, 0.5),
    p99Us: percentile(microseconds, 0.99),
    operationsPerSecond: perSecond(microseconds),
  }
}

/** The latencies of one run of a loop, in ascending order. */
export async function rawLatenciesUs(
  directory: string,
  method: RawBenchMethod,
  { payloadBytes, operations }: Pick<FsyncBench, 'payloadBytes' | 'operations'>,
): Promise<number[]> {
  const options = { directory, method, writeBytes: payloadBytes, operations }
  try {
    const nanoseconds = await loadAddon().runRawBench(options)
    return Array.from(nanoseconds, (value) => value / 1e3).sort((left, right) => left - right)
  } catch (error) {
    throw toClustorError(error)
  }
}

/** Operations a second of a loop that does one after the other. */
export const perSecond = (latenciesUs: readonly number[]): number =>
  (latenciesUs.length / latenciesUs.reduce((sum, value) => sum + value, 0)) * 1e6

function report(samples: readonly FsyncSample[], machine: Machine, bench: FsyncBench): FsyncReport {
  const { payloadBytes, rounds, operations } = bench
  return {
    benchmark: 'fsync',
    machine,
    settings: { payloadBytes, rounds, operations },
    figures: fsyncMethods.map((method) => figuresOf(method, samples)),
  }
}

function figuresOf(method: FsyncMethod, samples: readonly FsyncSample[]): FsyncFigures {
  const own = samples.filter((sample) => sample.method === method)
  const base = new Map(
    samples
      .filter((sample) => sample.method === 'single-preallocated')
      .map((sample) => [sample.round, sample.p50Us]),
  )
  return {
    method,
    p50Us: spread(own.map((sample) => sample.p50Us)),
    p99Us: spread(own.map((sample) => sample.p99Us)),
    operationsPerSecond: spread(own.map((sample) => sample.operationsPerSecond)),
    ratio: median(own.map((sample) => sample.p50Us / (base.get(sample.round) ?? sample.p50Us))),
  }
}
