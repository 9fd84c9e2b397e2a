import type { LogIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { LogView } from './log-view.js'
import type { CommittedRange } from './ready.js'

/** Hands committed entries to the state machine in pages, and holds back when it is behind. */
export class Applying {
  #appliedIndex: number
  #handedOutIndex: number
  /** The end of the last snapshot that was handed out instead of entries. */
  #restoredIndex = 0
  #bytes = 0
  readonly #pageBytesMax: number
  readonly #bytesMax: number

  /** @param limits pageBytesMax bounds one page, bytesMax what is handed out and not yet applied. */
  constructor(appliedIndex: number, limits: { pageBytesMax: number; bytesMax: number }) {
    this.#appliedIndex = appliedIndex
    this.#handedOutIndex = appliedIndex
    this.#pageBytesMax = limits.pageBytesMax
    this.#bytesMax = limits.bytesMax
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex as LogIndex
  }

  get handedOutIndex(): LogIndex {
    return this.#handedOutIndex as LogIndex
  }

  /** Whether the state machine has not taken a restored snapshot yet: entries wait for it. */
  get restoring(): boolean {
    return this.#appliedIndex < this.#restoredIndex
  }

  /** A snapshot that ends at `index` is handed out: it takes the place of all entries up to there. */
  restore(index: number): void {
    this.#handedOutIndex = index
    this.#restoredIndex = index
    this.#bytes = 0
  }

  hasNext(appliableIndex: number): boolean {
    if (this.restoring) return false
    if (this.#handedOutIndex >= appliableIndex) return false
    return this.#bytes === 0 || this.#bytes < this.#bytesMax
  }

  /** The next page of the entries up to `appliableIndex`. */
  take(log: LogView, appliableIndex: number): CommittedRange | undefined {
    if (!this.hasNext(appliableIndex)) return undefined
    const firstIndex = (this.#handedOutIndex + 1) as LogIndex
    const lastIndex = log.endWithin(firstIndex, appliableIndex, this.#pageBytesMax)
    this.#handedOutIndex = lastIndex
    this.#bytes += log.bytesBetween(firstIndex, lastIndex)
    return { firstIndex, lastIndex }
  }

  /** The state machine has applied everything up to `index`. */
  acknowledge(log: LogView, index: number): void {
    invariant(index <= this.#handedOutIndex, 'R3', { index, handedOut: this.#handedOutIndex })
    if (index <= this.#appliedIndex) return
    // Entries before a snapshot are forgotten, also those that the state machine was still at.
    const firstIndex = Math.max(this.#appliedIndex, this.#restoredIndex) + 1
    this.#bytes -= log.bytesBetween(firstIndex, index)
    this.#appliedIndex = index
  }
}
