/** Where a replica's sense of time comes from: monotonic, never the wall clock (a clock that jumps changes nothing). */
export interface TickDriver {
  /** Milliseconds on a clock that only rises; its zero means nothing. */
  nowMs(): number
  /** Calls `onTick` once per tick until the returned function is called. */
  start(onTick: () => void): () => void
}

/** Ticks of the event loop's timer: one each `tickMs`, at most one per turn however long the loop was blocked. The timer does not
 *  keep the process alive. */
export class SystemTicks implements TickDriver {
  readonly #tickMs: number

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  nowMs(): number {
    return performance.now()
  }

  start(onTick: () => void): () => void {
    const timer = setInterval(onTick, this.#tickMs).unref()
    return () => {
      clearInterval(timer)
    }
  }
}

/** Tells a stall of this process from a silence of its peers.
 *
 *  After the loop was blocked, the timer runs before the sockets are read: messages that arrived meanwhile are not seen
 *  yet, and an election timeout would be the fault of this process. So a late tick is not counted and the election
 *  timer starts over; the tick after it counts, however late, so that a loop that is always slow still has a clock. */
export class StallGuard {
  readonly #stallMs: number
  #lastTickMs: number
  #guarded = false
  #count = 0

  /** @param stallMs a tick that comes this much after the one before it is late. */
  constructor(stallMs: number, nowMs: number) {
    this.#stallMs = stallMs
    this.#lastTickMs = nowMs
  }

  /** How many stalls there were. */
  get count(): number {
    return this.#count
  }

  /** @returns for how long this process stood still before the tick at `nowMs`, which must not count then; 0 for a tick that
   *  counts. */
  stalledMs(nowMs: number): number {
    const sinceMs = nowMs - this.#lastTickMs
    this.#lastTickMs = nowMs
    this.#guarded = sinceMs >= this.#stallMs && !this.#guarded
    if (!this.#guarded) return 0
    this.#count += 1
    return sinceMs
  }
}

/** Finds the ticks that have passed by the clock and that a core did not get: a busy loop has fewer ticks than time passes. */
export class SkippedTicks {
  readonly #tickMs: number
  readonly #startMs: number
  #toldCount = 0

  constructor(tickMs: number, nowMs: number) {
    this.#tickMs = tickMs
    this.#startMs = nowMs
  }

  /** @param givenCount ticks that the core is given now.
   *  @returns whole ticks that have passed besides those given; each is returned once. */
  take(nowMs: number, givenCount: number): number {
    const passedCount = Math.floor((nowMs - this.#startMs) / this.#tickMs)
    this.#toldCount += givenCount
    const skippedCount = Math.max(0, passedCount - this.#toldCount)
    this.#toldCount += skippedCount
    return skippedCount
  }
}
