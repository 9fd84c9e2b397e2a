export const stepMs = 10

/** The monotonic clock of one process: it may run fast or slow, jump forward, or stand still with its process. */
export class SimulatedClock {
  #nowMs = 0
  #untilTickMs = stepMs
  /** Milliseconds of this clock per millisecond of the simulation. */
  rate = 1
  onTick: () => void = () => undefined

  get nowMs(): number {
    return this.#nowMs
  }

  /** Time passes in which the process runs: its timer fires at most once, however late it is. */
  advance(): void {
    const elapsedMs = stepMs * this.rate
    this.#nowMs += elapsedMs
    this.#untilTickMs -= elapsedMs
    if (this.#untilTickMs > 0) return
    this.#untilTickMs += stepMs
    this.onTick()
  }

  /** Time passes, as the process sees it, without a tick. */
  jump(durationMs: number): void {
    this.#nowMs += durationMs
  }
}
