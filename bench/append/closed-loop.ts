import { percentile } from '../cluster/statistics.js'
import { deviceFlushes, mainThreadCpuUs } from './counters.js'
import type { AppendLoad, AppendSystem } from './settings.js'

/** Latencies kept of one load; the newest when there are more. */
const latenciesMax = 2_000_000

/** Shares at which a distribution of latencies is reported. */
export const latencyShares = [
  0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999,
] as const

/** What a load measured. A null is a figure that this system or machine does not have. */
export interface AppendFigures {
  /** Entries, not batches. */
  readonly appendsPerSecond: number
  /** Microseconds at each of `latencyShares`; of a batch as a whole. */
  readonly latenciesUs: readonly number[]
  readonly mainThreadCpuUsPerAppend: number | null
  readonly cpuUsPerAppend: number | null
  readonly syncsPerSecond: number | null
  /** Bytes of the disk beyond those of the payloads, as a share of these. */
  readonly spaceOverhead: number | null
}

/** The distribution at `latencyShares`. */
export const sharesOf = (sorted: ArrayLike<number>): number[] =>
  latencyShares.map((share) => percentile(sorted, share))

/** Loads a system with appenders that each wait for their answer, for a fifth of the time as warm-up and then measured.
 *  Ends early, with figures worth nothing, when the signal is aborted. */
export async function loadAppends(
  system: AppendSystem,
  load: AppendLoad,
  { seconds, directory, signal }: LoadTime,
): Promise<AppendFigures> {
  const counters = (): Counters => countersNow(system, directory)
  const meter = new Meter(seconds * 1e3, counters, signal)
  await Promise.all(
    Array.from({ length: load.concurrency }, (_, appender) =>
      appendUntilDone(system, payloadsOf(load, appender), appender, meter),
    ),
  )
  return meter.figures(load)
}

export interface LoadTime {
  /** Measured time; a fifth of it is added before as a warm-up. */
  readonly seconds: number
  /** Whose device counts flushes. */
  readonly directory: string
  readonly signal: AbortSignal
}

async function appendUntilDone(
  system: AppendSystem,
  payloads: readonly Uint8Array[],
  appender: number,
  meter: Meter,
): Promise<void> {
  for (let startMs = performance.now(); ;) {
    await system.append(payloads, appender)
    const endMs = performance.now()
    if (meter.isDone(startMs, endMs)) return
    // A system whose calls block must not keep the turn: signals are to be heard.
    if (endMs - meter.turnMs > turnMsMax) await meter.turn()
    startMs = performance.now()
  }
}

/** Longest time without a turn of the event loop, milliseconds. */
const turnMsMax = 50

function payloadsOf({ payloadBytes, batch }: AppendLoad, seed: number): Uint8Array[] {
  return Array.from({ length: batch }, (_, entry) =>
    Uint8Array.from(
      { length: payloadBytes },
      (_, position) => (position * 31 + seed * 7 + entry) & 0xff,
    ),
  )
}

/** Counts what ends between the warm-up and the end. */
class Meter {
  readonly #latencies = new Float64Array(latenciesMax)
  readonly #beginMs: number
  readonly #durationMs: number
  readonly #counters: () => Counters
  readonly #signal: AbortSignal
  #count = 0
  #startedMs = 0
  #finishedMs = 0
  #before: Counters | null = null
  #after: Counters | null = null
  turnMs = performance.now()

  constructor(durationMs: number, counters: () => Counters, signal: AbortSignal) {
    this.#beginMs = performance.now() + durationMs / 5
    this.#durationMs = durationMs
    this.#counters = counters
    this.#signal = signal
  }

  /** Lets the event loop take a turn. */
  async turn(): Promise<void> {
    this.turnMs = performance.now()
    await new Promise(setImmediate)
  }

  /** Takes note of one append; true when the time is over. It runs from the first append that ends after the warm-up to
   *  the first that ends after the time: whole groups, and a figure even when one takes longer than the time. */
  isDone(startMs: number, endMs: number): boolean {
    if (this.#signal.aborted || this.#after !== null) return true
    if (endMs < this.#beginMs) return false
    if (this.#before === null) {
      this.#before = this.#counters()
      this.#startedMs = endMs
      return false
    }
    this.#latencies[this.#count % latenciesMax] = (endMs - startMs) * 1e3
    this.#count += 1
    if (endMs < this.#startedMs + this.#durationMs) return false
    this.#after = this.#counters()
    this.#finishedMs = endMs
    return true
  }

  figures({ batch, payloadBytes }: AppendLoad): AppendFigures {
    const sorted = this.#latencies.subarray(0, Math.min(this.#count, latenciesMax)).sort()
    const seconds = (this.#finishedMs - this.#startedMs) / 1e3
    const appends = this.#count * batch
    const spent = (counter: keyof Counters): number | null => {
      const before = this.#before?.[counter] ?? null
      const after = this.#after?.[counter] ?? null
      return before === null || after === null ? null : after - before
    }
    const perAppend = (cpuUs: number | null): number | null =>
      cpuUs === null || appends === 0 ? null : cpuUs / appends
    const flushes = spent('flushes')
    const blockBytes = spent('blockBytes')
    return {
      appendsPerSecond: appends / seconds,
      latenciesUs: sharesOf(sorted),
      mainThreadCpuUsPerAppend: perAppend(spent('mainThreadUs')),
      cpuUsPerAppend: perAppend(spent('processUs')),
      syncsPerSecond: flushes === null ? null : flushes / seconds,
      spaceOverhead:
        blockBytes === null || appends === 0 ? null : blockBytes / (appends * payloadBytes) - 1,
    }
  }
}

interface Counters {
  readonly mainThreadUs: number | null
  readonly processUs: number | null
  readonly flushes: number | null
  readonly blockBytes: number | null
}

function countersNow(system: AppendSystem, directory: string): Counters {
  const cpu = process.cpuUsage()
  return {
    mainThreadUs: mainThreadCpuUs(),
    processUs: cpu.user + cpu.system,
    flushes: deviceFlushes(directory),
    blockBytes: system.blockBytesWritten?.() ?? null,
  }
}
