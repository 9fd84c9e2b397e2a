/** What a node offers to remote clients; `ClientServer` carries it over the network. */
import type { LogIndex, Term } from '../base/ids.js'

/** Where a proposal stands in its session (src/apply/command.ts). */
export interface RequestStamp {
  readonly session: LogIndex
  readonly sequence: number
  readonly acknowledgedSequence: number
}

/** How fresh an answer must be: `local` may be stale. */
export type Consistency = 'linearizable' | 'local'

/** Takes the answer of one request. Exactly one of the two is called, once, at any time; what comes later is ignored. */
export interface Reply {
  /** @param index the entry's index for a proposal, the session id for open-session, the applied index for a query. */
  answer(index: LogIndex, payload: Uint8Array): void
  /** The code, message, outcome and plain fields (leaderHint: the client address of the leader) of a ClustorError travel to the client;
   *  anything else becomes ERR_INTERNAL. */
  fail(error: unknown): void
}

/** A proposal that was applied. */
export interface SubscriptionEntry {
  readonly index: LogIndex
  readonly term: Term
  readonly payload: Uint8Array
}

/** One partition as clients see it. Calls come in the order in which a client sent them. Payloads are views of receive buffers;
 *  they stay valid for as long as they are held. Calls report failures to the reply and do not throw. */
export interface PartitionService {
  propose(payload: Uint8Array, stamp: RequestStamp | null, reply: Reply): void
  query(request: Uint8Array, consistency: Consistency, reply: Reply): void
  openSession(reply: Reply): void
  /** Applied proposals from an index on, in order, page by page, without end; `signal` aborts when the client has gone.
   *  The next page is asked for when this one is on its way to the client.
   *  @throws (by rejection) ERR_INDEX_COMPACTED when entries from there on are gone. */
  subscribe(fromIndex: LogIndex, signal: AbortSignal): AsyncIterable<readonly SubscriptionEntry[]>
  /** Plain data (no bigint, no class): what `client.status` returns. */
  status(): unknown
}

/** A node as clients see it. */
export interface ClientService {
  readonly cluster: string
  /** The node's name. */
  readonly node: string
  /** Largest payload of a proposal; told to clients, so that they refuse larger ones themselves. */
  readonly proposalBytesMax: number
  /** Null when this node does not hold the partition. */
  partition(name: string): PartitionService | null
  /** Plain data about the node as a whole. */
  status(): unknown
}
