import type { ClustorError } from '../base/errors.js'
import type { Timer, Timers } from '../base/timers.js'

/** How a scrubber paces itself; rows of the options table. */
export interface ScrubOptions {
  readonly scrubIntervalMs: number
  readonly scrubPassMs: number
  readonly scrubStepBytes: number
  readonly scrubPaused: boolean
}

/** One piece that was verified. */
export interface ScrubStep {
  readonly bytes: number
  /** The end of the log was reached: the next step begins again. */
  readonly passDone: boolean
}

/** What a scrubber works on. */
export interface ScrubPorts {
  /** Verifies the next piece of the log, on a native thread. */
  step(bytesMax: number): Promise<ScrubStep>
  /** Bytes of the log's files. */
  totalBytes(): number
  /** Whether a failed step found damage, which ends the scrubbing; other failures are tried again. */
  isDamage(error: unknown): boolean
}

/** What a scrubber has done, for people and metrics. */
export interface ScrubStatus {
  readonly paused: boolean
  /** How long ago the piece of the log that was verified longest ago was verified, at most. Opening verifies everything. */
  readonly coverageAgeMs: number
  readonly verifiedBytes: number
  /** How often the whole log was verified since it was opened. */
  readonly passes: number
  /** Pieces that could not be read; they were tried again. */
  readonly failures: number
}

/** A pass that was asked for. */
export interface ScrubReport {
  readonly bytes: number
  readonly durationMs: number
}

/** At least this share of a log is verified in each scrubIntervalMs. */
const shareMin = 0.01

/** Reads what is durable again and again, in small steps with long pauses, so that rot is found while other copies are
 *  good: the whole log within scrubPassMs, and at least a hundredth of it in each scrubIntervalMs. Its timer does not keep
 *  the process alive. */
export class Scrubber {
  readonly #options: ScrubOptions
  readonly #ports: ScrubPorts
  readonly #timers: Timers
  #timer: Timer | null = null
  #paused: boolean
  #stopped = false
  /** Everything was verified since then. */
  #coveredSinceMs: number
  #passStartMs: number
  #verifiedBytes = 0
  #passes = 0
  #failures = 0

  constructor(options: ScrubOptions, ports: ScrubPorts, timers: Timers) {
    this.#options = options
    this.#ports = ports
    this.#timers = timers
    this.#paused = options.scrubPaused
    this.#coveredSinceMs = timers.now()
    this.#passStartMs = timers.now()
    this.#schedule(0)
  }

  pause(): void {
    this.#paused = true
    this.#timer?.cancel()
    this.#timer = null
  }

  resume(): void {
    this.#paused = false
    if (this.#timer === null) this.#schedule(0)
  }

  stop(): void {
    this.#stopped = true
    this.pause()
  }

  status(): ScrubStatus {
    return {
      paused: this.#paused,
      coverageAgeMs: this.#timers.now() - this.#coveredSinceMs,
      verifiedBytes: this.#verifiedBytes,
      passes: this.#passes,
      failures: this.#failures,
    }
  }

  /** Verifies everything at once, with a cursor of its own, step by step.
   *  @throws what a step throws. */
  async run(
    step: ScrubPorts['step'],
    signal: AbortSignal | undefined,
    abort: () => ClustorError,
  ): Promise<ScrubReport> {
    const startMs = this.#timers.now()
    let bytes = 0
    for (;;) {
      if (signal?.aborted === true) throw abort()
      const done = await step(this.#options.scrubStepBytes)
      bytes += done.bytes
      this.#verifiedBytes += done.bytes
      if (done.passDone) break
    }
    this.#passes += 1
    this.#coveredSinceMs = Math.max(this.#coveredSinceMs, startMs)
    return { bytes, durationMs: this.#timers.now() - startMs }
  }

  #schedule(spentMs: number): void {
    if (this.#paused || this.#stopped) return
    this.#timer = this.#timers.after(Math.max(1, this.#pauseMs() - spentMs), this.#wake)
  }

  /** Time in which one step must be done to keep the pace. */
  #pauseMs(): number {
    const { scrubIntervalMs, scrubPassMs, scrubStepBytes } = this.#options
    const totalBytes = Math.max(1, this.#ports.totalBytes())
    const bytesPerMs = totalBytes * Math.max(1 / scrubPassMs, shareMin / scrubIntervalMs)
    return Math.min(scrubIntervalMs, scrubStepBytes / bytesPerMs)
  }

  readonly #wake = (): void => {
    this.#timer = null
    const startMs = this.#timers.now()
    this.#ports.step(this.#options.scrubStepBytes).then(
      (step) => {
        this.#verified(step)
        this.#schedule(this.#timers.now() - startMs)
      },
      (error: unknown) => {
        this.#failures += 1
        if (!this.#ports.isDamage(error)) this.#schedule(0)
      },
    )
  }

  #verified({ bytes, passDone }: ScrubStep): void {
    this.#verifiedBytes += bytes
    if (!passDone) return
    this.#passes += 1
    this.#coveredSinceMs = Math.max(this.#coveredSinceMs, this.#passStartMs)
    this.#passStartMs = this.#timers.now()
  }
}
