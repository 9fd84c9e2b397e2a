import type { SessionStamp } from '../apply/command.js'
import type { LogIndex } from '../base/ids.js'

/** The numbering of an exactly-once session. Give each proposal its own stamp, in the order in which they are to be applied; a proposal that
 *  failed is proposed again with the stamp that it had, before those after it. One user at a time. */
export class Session {
  readonly id: LogIndex
  #sequence = 0
  #acknowledgedSequence = 0

  constructor(id: LogIndex) {
    this.id = id
  }

  /** The stamp of one more proposal. */
  next(): SessionStamp {
    this.#sequence += 1
    return {
      session: this.id,
      sequence: this.#sequence,
      acknowledgedSequence: this.#acknowledgedSequence,
    }
  }

  /** The answer of this proposal, and of all before it, has come: the replicas may forget them. */
  acknowledge({ sequence }: SessionStamp): void {
    this.#acknowledgedSequence = Math.max(this.#acknowledgedSequence, sequence)
  }
}
