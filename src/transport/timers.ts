/** A timer that was set. */
export interface Timer {
  cancel(): void
}

/** The time as this room needs it, handed in so that tests can own it. */
export interface Timers {
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Runs a function once, after a pause. */
  after(delayMs: number, run: () => void): Timer
}

/** The real time. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}
