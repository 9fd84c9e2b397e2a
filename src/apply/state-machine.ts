import type { LogIndex, Term } from '../base/ids.js'

/** One committed entry as a state machine sees it: the proposer's bytes and where they stand in the log.
 *  `payload` is a view: copy what is kept, or the memory of the whole batch stays alive with it. */
export interface CommittedEntry {
  readonly index: LogIndex
  readonly term: Term
  readonly payload: Uint8Array
}

/** Committed entries in log order. Indexes rise, with gaps where the log holds entries that are not the machine's own
 *  (a new leader's empty entry, session commands, retries that were applied before). */
export type CommittedBatch = readonly CommittedEntry[]

/** What a user replicates. Every replica gets the same entries in the same order, so `apply` must depend on nothing but
 *  its input and the machine's state: no clock, no randomness, no environment.
 *  A replica without a snapshot replays the log from its first entry, so a machine starts empty. */
export interface StateMachine {
  /** Applies a batch in order.
   *  @returns one result per entry, in order; it goes to the proposer. Results that travel to a remote client are
   *  Uint8Array, undefined stands for an empty one.
   *  A throw or a rejection is an apply fault: the partition stops with ERR_APPLY_FAULT and nothing is skipped.
   *  The next batch comes only after this one has ended. */
  apply(batch: CommittedBatch): readonly unknown[] | Promise<readonly unknown[]>
  /** Answers a read of a remote client from the applied state, without changing it. */
  query?(request: Uint8Array): Uint8Array | Promise<Uint8Array>
  /** The state at one point in time as a stream of bytes. */
  snapshot?(): AsyncIterable<Uint8Array>
  /** Replaces the state with a snapshot's. */
  restore?(chunks: AsyncIterable<Uint8Array>): Promise<void>
}
