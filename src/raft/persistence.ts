import type { LogIndex, Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Acknowledgement } from './ready.js'

interface Write {
  readonly writeNumber: number
  /** The last index of the log at hand-out, lowered by every truncation since. */
  lastIndex: number
}

/** Which entries were handed out to be persisted, and which are known to be durable.
 *
 *  Writes become durable in the order in which they were handed out. A truncation lowers what the writes
 *  in flight can prove, so the late completion of an overwritten entry never vouches for the entry that
 *  replaced it, even if index and term are the same again (the ABA case). */
export class Persistence {
  readonly #inFlight: Write[] = []
  #writeNumber = 0
  #handedOutIndex: number
  #durableIndex: number
  #truncateFrom: number | undefined

  /** @param lastIndex the last entry found on disk. */
  constructor(lastIndex: number) {
    this.#handedOutIndex = lastIndex
    this.#durableIndex = lastIndex
  }

  get durableIndex(): LogIndex {
    return this.#durableIndex as LogIndex
  }

  /** The first entry that the next Ready has to persist. */
  get nextIndex(): LogIndex {
    return (this.#handedOutIndex + 1) as LogIndex
  }

  get truncateFrom(): LogIndex | undefined {
    return this.#truncateFrom as LogIndex | undefined
  }

  /** The log dropped its entries from `index` on. */
  noteTruncation(index: number): void {
    if (index > this.#handedOutIndex) return
    this.#truncateFrom = Math.min(index, this.#truncateFrom ?? index)
    this.#handedOutIndex = index - 1
    this.#durableIndex = Math.min(this.#durableIndex, index - 1)
    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, index - 1)
  }

  /** A snapshot that ends at `index` takes the place of the log. Of what was durable before, only what is committed is
   *  certain to be the same as in the snapshot. */
  noteRestore(index: number, commitIndex: number): void {
    this.#truncateFrom = undefined
    this.#handedOutIndex = index
    this.#durableIndex = Math.min(this.#durableIndex, commitIndex)
    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, commitIndex)
  }

  /** Everything up to `lastIndex` is handed out, in `term`. */
  handOut(lastIndex: LogIndex, term: Term): Acknowledgement {
    this.#writeNumber++
    this.#handedOutIndex = lastIndex
    this.#truncateFrom = undefined
    this.#inFlight.push({ writeNumber: this.#writeNumber, lastIndex })
    return { writeNumber: this.#writeNumber, durableIndex: lastIndex, term }
  }

  /** A write, and with it all before it, is durable. Acknowledging one again changes nothing. */
  acknowledge(acknowledgement: Acknowledgement): void {
    const { writeNumber } = acknowledgement
    invariant(writeNumber <= this.#writeNumber, 'R13', { writeNumber, last: this.#writeNumber })
    for (let write = this.#inFlight[0]; write !== undefined; write = this.#inFlight[0]) {
      if (write.writeNumber > writeNumber) break
      this.#durableIndex = Math.max(this.#durableIndex, write.lastIndex)
      this.#inFlight.shift()
    }
  }
}
