import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import type { EntryRange } from './entry-range.js'
import type { SnapshotDescription } from './ready.js'

interface Envelope {
  readonly from: ReplicaId
  readonly to: ReplicaId
  /** The sender's term. A pre-vote, and its grant, carry the term that the candidate would campaign in. */
  readonly term: Term
}

interface CandidateLog {
  /** The candidate's last entry: its index and its term (Raft §5.4.1). */
  readonly lastIndex: LogIndex
  readonly lastTerm: Term
}

/** Asks whether a campaign could win, before the term is raised (dissertation §9.6). */
export interface PreVote extends Envelope, CandidateLog {
  readonly kind: 'pre-vote'
}

/** What a voter that refuses knows to be committed: its commit index, and the term of the entry there; 0, 0 in a grant.
 *  A candidate that holds this very entry commits up to it (Log Matching, Raft §5.3). Otherwise one that lacks nothing
 *  but the knowledge could need, for ever, the vote of a replica that no longer votes. */
interface KnownCommit {
  readonly commitIndex: LogIndex
  readonly commitTerm: Term
}

/** Answers a pre-vote: a grant carries the term asked for, a rejection the voter's own term. */
export interface PreVoteResponse extends Envelope, KnownCommit {
  readonly kind: 'pre-vote-response'
  readonly rejected: boolean
  /** The round trip between the voter and its last leader was high: an election may take longer than the usual timeout. */
  readonly highRoundTrip?: true
}

/** RequestVote RPC (Raft §5.2). */
export interface RequestVote extends Envelope, CandidateLog {
  readonly kind: 'request-vote'
  /** The leader itself asked for this campaign, so that nobody shields it (dissertation §4.2.3, leadership transfer). */
  readonly leadershipTransfer?: true
}

/** Answers a request for a vote. A candidate's own vote is one of these too, addressed to itself. */
export interface RequestVoteResponse extends Envelope, KnownCommit {
  readonly kind: 'request-vote-response'
  readonly rejected: boolean
}

/** AppendEntries RPC (Raft §5.3). `entries: null` only probes, or only tells the commit index. */
export interface AppendEntries extends Envelope {
  readonly kind: 'append-entries'
  /** The entry right before `entries`: the follower must hold it. */
  readonly prevIndex: LogIndex
  readonly prevTerm: Term
  readonly commitIndex: LogIndex
  /** First index is prevIndex + 1. The frames travel beside the message. */
  readonly entries: EntryRange | null
}

/** Answers an append. */
export interface AppendEntriesResponse extends Envelope {
  readonly kind: 'append-entries-response'
  /** Accepted: the last index known to match. Rejected: the prevIndex that was refused. */
  readonly index: LogIndex
  readonly rejected: boolean
  /** Rejected: the largest index at which the follower's log may match, and its term there (0, 0 otherwise). */
  readonly rejectHintIndex: LogIndex
  readonly rejectHintTerm: Term
}

/** Keeps the leader's authority alive, and carries a read-index round. */
export interface Heartbeat extends Envelope {
  readonly kind: 'heartbeat'
  /** Never beyond what the receiver is known to hold. */
  readonly commitIndex: LogIndex
  /** The newest read-index round that waits for a quorum; 0 for none. */
  readonly context: number
  /** The leader's clock, in ticks since its start. */
  readonly sentTicks: number
  /** The leader falls silent after this one. */
  readonly quiesce?: true
  /** The round trip to the receiver has been high of late. */
  readonly highRoundTrip?: true
}

/** Answers a heartbeat, with its context and the clock that it was sent at. */
export interface HeartbeatResponse extends Envelope {
  readonly kind: 'heartbeat-response'
  readonly context: number
  readonly sentTicks: number
}

/** InstallSnapshot RPC (Raft §7), stepped when the receiver has the whole of the snapshot. Answered like an append. */
export interface InstallSnapshot extends Envelope {
  readonly kind: 'install-snapshot'
  readonly snapshot: SnapshotDescription
}

/** Tells the target of a leadership transfer to campaign at once (dissertation §3.10). */
export interface TimeoutNow extends Envelope {
  readonly kind: 'timeout-now'
}

/** A follower or learner asks at which index a linearizable read may be served (dissertation §6.4, the last paragraph). */
export interface ReadIndexRequest extends Envelope {
  readonly kind: 'read-index'
  /** Unique among all requests of this replica, over its restarts too; rises while it runs. At least 1. */
  readonly context: number
}

/** Answers it, once a quorum has confirmed the leadership after the request had come. */
export interface ReadIndexResponse extends Envelope {
  readonly kind: 'read-index-response'
  readonly context: number
  /** The leader's commit index when it took the request. */
  readonly index: LogIndex
}

/** Every message that replicas exchange. All integers are below 2^53. */
export type Message =
  | PreVote
  | PreVoteResponse
  | RequestVote
  | RequestVoteResponse
  | AppendEntries
  | AppendEntriesResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexResponse

/** The tag of a message. */
export type MessageKind = Message['kind']
