import type { Random } from '../base/random.js'
import { integerBetween } from '../base/random.js'

/** Pauses between attempts: doubled each time up to a limit, each drawn between half and all of it, so that those who
 *  failed together do not come back together. */
export class Backoff {
  readonly #msMin: number
  readonly #msMax: number
  readonly #random: Random
  #nextMs: number

  constructor(limits: { msMin: number; msMax: number }, random: Random) {
    this.#msMin = limits.msMin
    this.#msMax = Math.max(limits.msMin, limits.msMax)
    this.#random = random
    this.#nextMs = limits.msMin
  }

  /** The pause before the next attempt. */
  next(): number {
    const ms = this.#nextMs
    this.#nextMs = Math.min(this.#msMax, ms * 2)
    return integerBetween(this.#random, Math.ceil(ms / 2), ms)
  }

  /** The longest pause, for a failure that time alone does not heal. */
  longest(): number {
    this.#nextMs = this.#msMax
    return this.next()
  }

  /** An attempt succeeded: the next pause is the shortest again. */
  reset(): void {
    this.#nextMs = this.#msMin
  }
}
