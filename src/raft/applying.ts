import type { LogIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { LogView } from './log-view.js'
import type { CommittedRange } from './ready.js'

/** Hands committed entries to the state machine in pages, and holds back when it is behind. */
export class Applying {
  #appliedIndex: number
  #handedOutIndex: number
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

  hasNext(appliableIndex: number): boolean {
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
    this.#bytes -= log.bytesBetween(this.#appliedIndex + 1, index)
    this.#appliedIndex = index
  }
}
