import type { AppendSystem } from './systems.js'

/** Latencies kept of one load; more are counted but not sorted. */
const latenciesMax = 2_000_000

/** One load on one system. */
export interface AppendLoad {
  /** Appenders; each waits for its append before it sends the next. */
  readonly appenders: number
  readonly payloadBytes: number
  /** Measured time; a fifth of it is added before as a warm-up. */
  readonly seconds: number
}

/** What a load measured. */
export interface AppendFigures {
  readonly appendsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  /** User and system time of this process, the committer threads included. */
  readonly cpuUsPerAppend: number
}

/** Loads a system with appenders that each wait for their answer. */
export async function loadAppends(system: AppendSystem, load: AppendLoad): Promise<AppendFigures> {
  const meter = new Meter(load.seconds * 1e3)
  await Promise.all(
    Array.from({ length: load.appenders }, (_, position) =>
      appendUntilDone(system, payloadOf(load.payloadBytes, position), meter),
    ),
  )
  return meter.figures()
}

async function appendUntilDone(
  system: AppendSystem,
  payload: Uint8Array,
  meter: Meter,
): Promise<void> {
  for (let startMs = performance.now(); ;) {
    await system.append(payload)
    const endMs = performance.now()
    if (meter.isDone(startMs, endMs)) return
    startMs = endMs
  }
}

function payloadOf(bytes: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, position) => (position * 31 + seed * 7) & 0xff)
}

/** Counts what ends between the warm-up and the end. */
class Meter {
  readonly #latencies = new Float64Array(latenciesMax)
  readonly #beginMs: number
  readonly #endMs: number
  #count = 0
  #lastMs = 0
  #cpuBefore: NodeJS.CpuUsage | null = null
  #cpu: NodeJS.CpuUsage = { user: 0, system: 0 }

  constructor(durationMs: number) {
    this.#beginMs = performance.now() + durationMs / 5
    this.#endMs = this.#beginMs + durationMs
  }

  /** Takes note of one append; true when the time is over. */
  isDone(startMs: number, endMs: number): boolean {
    if (endMs < this.#beginMs) return false
    if (this.#cpuBefore === null) {
      this.#cpuBefore = process.cpuUsage()
      return false
    }
    if (endMs >= this.#endMs) {
      if (this.#lastMs < this.#endMs) this.#cpu = process.cpuUsage(this.#cpuBefore)
      this.#lastMs = this.#endMs
      return true
    }
    this.#latencies[this.#count % latenciesMax] = endMs - startMs
    this.#count += 1
    return false
  }

  figures(): AppendFigures {
    const sorted = this.#latencies.subarray(0, Math.min(this.#count, latenciesMax)).sort()
    const at = (share: number): number =>
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0) * 1e3
    return {
      appendsPerSecond: (this.#count / (this.#endMs - this.#beginMs)) * 1e3,
      p50Us: at(0.5),
      p99Us: at(0.99),
      cpuUsPerAppend: (this.#cpu.user + this.#cpu.system) / Math.max(1, this.#count),
    }
  }
}
