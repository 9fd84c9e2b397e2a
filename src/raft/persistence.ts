import type { LogIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Acknowledgement, HardState } from './ready.js'

interface Write {
  readonly writeNumber: number
  readonly hardState: HardState
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
  #durableHardState: HardState
  #truncateFrom: number | undefined

  /** @param lastIndex the last entry found on disk.
   *  @param hardState the hard state found on disk. */
  constructor(lastIndex: number, hardState: HardState) {
    this.#durableHardState = hardState
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

  /** Everything up to `lastIndex` is handed out, together with `hardState`. */
  handOut(lastIndex: LogIndex, hardState: HardState): Acknowledgement {
    this.#writeNumber++
    this.#handedOutIndex = lastIndex
    this.#truncateFrom = undefined
    this.#inFlight.push({ writeNumber: this.#writeNumber, hardState, lastIndex })
    return { writeNumber: this.#writeNumber, durableIndex: lastIndex, term: hardState.term }
  }

  /** A write, and with it all before it, is durable. Acknowledging one again changes nothing. */
  acknowledge(acknowledgement: Acknowledgement): void {
    const { writeNumber } = acknowledgement
    invariant(writeNumber <= this.#writeNumber, 'R13', { writeNumber, last: this.#writeNumber })
    for (let write = this.#inFlight[0]; write !== undefined; write = this.#inFlight[0]) {
      if (write.writeNumber > writeNumber) break
      this.#durableIndex = Math.max(this.#durableIndex, write.lastIndex)
      this.#durableHardState = write.hardState
      this.#inFlight.shift()
    }
  }

  /** The writes in flight failed and left nothing: their entries are to be handed out again.
   *  @returns the hard state that is on disk. */
  rewind(): HardState {
    this.#inFlight.length = 0
    if (this.#handedOutIndex > this.#durableIndex) this.#truncateFrom = this.#durableIndex + 1
    this.#handedOutIndex = this.#durableIndex
    return this.#durableHardState
  }
}
