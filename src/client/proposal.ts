import type { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import type { PendingRequest } from './node-connection.js'

/** What a proposal gives. */
export interface Proposed {
  /** The entry's index in the log. */
  readonly index: LogIndex
  /** What the state machine returned; may be a view of a receive buffer. */
  readonly result: Uint8Array
}

/** Who hears what became of a proposal that was sent. */
export interface ProposalOwner {
  proposalAnswered(proposal: Proposal): void
  proposalFailed(proposal: Proposal, error: ClustorError): void
}

/** One proposal of a session, from the call to the answer; and beyond, when its caller gave up: its number was sent. */
export class Proposal implements PendingRequest {
  readonly payload: Uint8Array
  readonly deadlineMs: number
  readonly #owner: ProposalOwner
  readonly #resolve: (proposed: Proposed) => void
  readonly #reject: (error: ClustorError) => void
  /** How often it was sent. */
  sends = 0
  /** Its id on the connection it was sent over last. */
  request = 0
  /** An answer came: it was applied. */
  isAnswered = false
  /** The caller has heard. */
  isSettled = false
  /** Undoes what `onSettled` was set for. */
  onSettled: (() => void) | null = null

  constructor(
    payload: Uint8Array,
    deadlineMs: number,
    owner: ProposalOwner,
    resolve: (proposed: Proposed) => void,
    reject: (error: ClustorError) => void,
  ) {
    this.payload = payload
    this.deadlineMs = deadlineMs
    this.#owner = owner
    this.#resolve = resolve
    this.#reject = reject
  }

  answered(index: LogIndex, payload: Buffer): void {
    this.isAnswered = true
    if (!this.isSettled) {
      this.#settle()
      this.#resolve({ index, result: payload })
    }
    this.#owner.proposalAnswered(this)
  }

  failed(error: ClustorError): void {
    this.#owner.proposalFailed(this, error)
  }

  /** Tells the caller, if it waits still. */
  reject(error: ClustorError): void {
    if (this.isSettled) return
    this.#settle()
    this.#reject(error)
  }

  #settle(): void {
    this.isSettled = true
    this.onSettled?.()
    this.onSettled = null
  }
}
