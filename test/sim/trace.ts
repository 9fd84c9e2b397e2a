import { createHash } from 'node:crypto'

import { stepMs } from './clock.js'

const pageLength = 64 * 1024

/** What happened in a run, a line an event: equal seeds must give equal bytes. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #lines: string[] | null
  /** What is not hashed yet: hashing a page costs as much as hashing a line. */
  #page = ''
  #eventOfStep = 0
  #step = 0
  /** How the lines of this step begin. */
  #prefix = '0 '

  /** @param keepsLines whether the lines are wanted, not only their hash. */
  constructor(keepsLines: boolean) {
    this.#lines = keepsLines ? [] : null
  }

  get step(): number {
    return this.#step
  }

  nextStep(): void {
    this.#step += 1
    this.#prefix = `${this.#step} `
    this.#eventOfStep = 0
  }

  /** The simulated time. No two calls get the same: what happens in one step still has an order. */
  nowNs(): number {
    this.#eventOfStep += 1
    return this.#step * stepMs * 1_000_000 + this.#eventOfStep
  }

  add(event: string): void {
    const line = `${this.#prefix}${event}\n`
    this.#page += line
    this.#lines?.push(line)
    if (this.#page.length >= pageLength) this.#hashPage()
  }

  get text(): string {
    return this.#lines?.join('') ?? ''
  }

  digest(): string {
    this.#hashPage()
    return this.#hash.copy().digest('hex').slice(0, 16)
  }

  #hashPage(): void {
    this.#hash.update(this.#page)
    this.#page = ''
  }
}
