import type { LogIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'

/** The committed proposals that did not reach the state machine, so that readers of the log can pass over them.
 *  8 bytes each; retries are rare, and each one costs far more in the log itself. */
export class SkippedIndexes {
  readonly #indexes: LogIndex[] = []

  get count(): number {
    return this.#indexes.length
  }

  /** Indexes come in rising order, as entries are applied. */
  add(index: LogIndex): void {
    invariant(index > (this.#indexes.at(-1) ?? 0), 'P5', { index })
    this.#indexes.push(index)
  }

  has(index: LogIndex): boolean {
    let low = 0
    let high = this.#indexes.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const found = this.#indexes[middle] ?? 0
      if (found === index) return true
      if (found < index) low = middle + 1
      else high = middle - 1
    }
    return false
  }
}
