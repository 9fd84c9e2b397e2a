import type { Timer, Timers } from '../base/timers.js'

/** How exactly deadlines are kept: one timer looks at all of them, so that a request costs none of its own. */
const precisionMs = 20

/** Something that holds requests with deadlines. */
export interface DeadlineHolder {
  /** Whether requests are under way. */
  readonly busy: boolean
  /** The earliest deadline may be at or before `now`: fail what is over. */
  expire(now: number): void
}

/** Keeps the deadlines of a client: one timer, and only while requests are under way. */
export class Deadlines {
  readonly #timers: Timers
  readonly #holders = new Set<DeadlineHolder>()
  #timer: Timer | null = null

  constructor(timers: Timers) {
    this.#timers = timers
  }

  add(holder: DeadlineHolder): void {
    this.#holders.add(holder)
  }

  /** A request with a deadline is under way. @returns its deadline. */
  start(timeoutMs: number): number {
    this.#timer ??= this.#timers.after(precisionMs, this.#look)
    return this.#timers.now() + timeoutMs
  }

  close(): void {
    this.#timer?.cancel()
    this.#holders.clear()
  }

  readonly #look = (): void => {
    this.#timer = null
    const now = this.#timers.now()
    let busy = false
    for (const holder of this.#holders) {
      holder.expire(now)
      busy ||= holder.busy
    }
    if (busy) this.#timer = this.#timers.after(precisionMs, this.#look)
  }
}
