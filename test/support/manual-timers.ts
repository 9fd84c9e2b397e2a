import type { Timer, Timers } from '../../src/base/timers.js'

interface ManualTimer extends Timer {
  readonly dueMs: number
  readonly run: () => void
}

/** Time that stands still until the test moves it. */
export class ManualTimers implements Timers {
  #nowMs = 0
  readonly #waiting = new Set<ManualTimer>()

  now(): number {
    return this.#nowMs
  }

  after(delayMs: number, run: () => void): Timer {
    const timer: ManualTimer = {
      dueMs: this.#nowMs + delayMs,
      run,
      cancel: () => this.#waiting.delete(timer),
    }
    this.#waiting.add(timer)
    return timer
  }

  /** How many timers are set. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** Moves the time and runs what falls due, in order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#waiting.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.run()
    }
    this.#nowMs = endMs
  }

  #nextDue(endMs: number): ManualTimer | undefined {
    let next: ManualTimer | undefined
    for (const timer of this.#waiting) {
      if (timer.dueMs <= endMs && timer.dueMs < (next?.dueMs ?? Infinity)) next = timer
    }
    return next
  }
}
