/** A timer that was set. */
export interface Timer {
  cancel(): void
}

/** The time as a room needs it, handed in so that tests can own it. */
export interface Timers {
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Runs a function once, after a pause. */
  after(delayMs: number, run: () => void): Timer
}
