import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import type { Random } from '../base/random.js'
import type { EntryRange, EntryRun } from './entry-range.js'
import type { MembershipConfiguration } from './membership.js'
import type { Message } from './messages.js'

/** What a replica is at the moment. */
export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

/** What must survive a crash besides the entries (Raft figure 2, "persistent state"). */
export interface HardState {
  readonly term: Term
  /** The replica voted for in `term`; 0 for none. */
  readonly vote: ReplicaId
  readonly commitIndex: LogIndex
}

/** State that is useful to know and need not survive. */
export interface SoftState {
  readonly role: Role
  /** The leader of the current term as far as known; 0 for none. */
  readonly leader: ReplicaId
}

/** A read that may be served as soon as the state machine has applied `index`. */
export interface ReadState {
  readonly context: number
  readonly index: LogIndex
}

/** Handed back to `core.acknowledge` when everything to persist in a Ready is durable, and with it,
 *  since writes are durable in order, everything of all earlier Readies. */
export interface Acknowledgement {
  /** Counts the writes of this core: tells two writes of the same index and term apart (the ABA case). */
  readonly writeNumber: number
  /** The last index of the log when this write was handed out. */
  readonly durableIndex: LogIndex
  /** The core's term when this write was handed out. */
  readonly term: Term
}

/** A snapshot as the core sees it: what it stands for. Its data are the embedder's. */
export interface SnapshotDescription {
  /** The last entry that it covers, and the term of that entry. */
  readonly index: LogIndex
  readonly term: Term
  /** The configuration in force after that entry. */
  readonly configuration: MembershipConfiguration
}

/** Committed entries to apply, in order. */
export interface CommittedRange {
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
}

/** Everything that one turn of the core wants done. Read-only data; an absent field means nothing to do.
 *
 *  Order: persist `snapshot` or `truncateFrom`, and `hardState` and `entries`, as one write. No message may leave before the term and
 *  vote of this and every earlier Ready are durable. Besides that, `messages` may leave at once;
 *  `messagesAfterPersist` leave only when the write of this Ready and every earlier write are durable, and those
 *  among them that are addressed to this replica itself go back in through `core.step`. */
export interface Ready {
  /** Present when it changed. */
  readonly softState?: SoftState
  /** Present when it changed. When only commitIndex did, it may ride on the next write that syncs anyway. */
  readonly hardState?: HardState
  /** Takes the place of the whole log and of the state machine's state: the log goes on, with `entries`, behind it.
   *  Entries handed out to apply and not applied yet are part of it. When the state machine has taken it,
   *  `acknowledgeApplied` says so with its index; no entries are handed out to apply before. */
  readonly snapshot?: SnapshotDescription
  /** Entries from here on are dropped from the log before `entries` are appended. */
  readonly truncateFrom?: LogIndex
  /** Entries to append. */
  readonly entries?: EntryRange
  readonly messages: readonly Message[]
  readonly messagesAfterPersist: readonly Message[]
  /** Entries to apply; they follow the ones handed out before. */
  readonly committed?: CommittedRange
  readonly readStates: readonly ReadState[]
  /** Contexts of reads that will never be answered, because leadership ended first. */
  readonly droppedReads: readonly number[]
  /** Whether the write must be synced: entries, the term, the vote or the snapshot changed. */
  readonly mustSync: boolean
  /** Present exactly when mustSync is true. */
  readonly acknowledgement?: Acknowledgement
}

/** A log as found on disk, without the payloads. */
export interface RecoveredEntries {
  /** The first entry that is there; lastIndex + 1 when there is none. */
  readonly firstIndex: LogIndex
  /** firstIndex - 1 when there is none. */
  readonly lastIndex: LogIndex
  /** The term of the entry right before firstIndex; 0 when firstIndex is 1. */
  readonly prevTerm: Term
  readonly runs: readonly EntryRun[]
  readonly byteLengths: Uint32Array
}

/** What a replica finds when it starts again. */
export interface RecoveredState {
  readonly hardState: HardState
  readonly entries: RecoveredEntries
  /** The last index that the state machine has applied; the entries after it are handed out again. */
  readonly appliedIndex: LogIndex
  /** The configuration in force at appliedIndex; that of the options when absent. */
  readonly configuration?: MembershipConfiguration
  /** The newest snapshot that can be sent to followers. */
  readonly snapshot?: SnapshotDescription
}

/** The voters of a partition. `outgoing` is the second half of a joint configuration, empty otherwise. */
export interface VoterSets {
  readonly incoming: readonly ReplicaId[]
  readonly outgoing: readonly ReplicaId[]
}

/** How to make a core. Ticks are as long as the caller makes them; the defaults take them as 10 ms. */
export interface CoreOptions {
  readonly id: ReplicaId
  /** Every voter, this replica among them if it is one. */
  readonly voters: readonly ReplicaId[]
  /** Every learner; none by default. */
  readonly learners?: readonly ReplicaId[]
  /** The one source of randomness: spreads election timeouts. */
  readonly random: Random
  /** Absent for a replica that has never run. */
  readonly recovered?: RecoveredState
  /** Shortest election timeout, and the check-quorum interval; default 15 (150 ms). Must exceed heartbeatTicks. */
  readonly electionTicksMin?: number
  /** Longest election timeout, inclusive; default 30 (300 ms). */
  readonly electionTicksMax?: number
  /** Between two heartbeats of a leader; default 5 (50 ms). */
  readonly heartbeatTicks?: number
  /** Whether a campaign asks first if it could win (dissertation §9.6); default true. */
  readonly preVote?: boolean
  /** Whether a leader that hears no quorum steps down, and a follower that hears a leader ignores candidates; default true. */
  readonly checkQuorum?: boolean
  /** Most frame bytes in one append, unless a single entry is larger; default 1 MiB. */
  readonly appendBytesMax?: number
  /** Most entries in one append; default 16384. */
  readonly appendEntriesMax?: number
  /** Most unanswered appends per follower; default 256. */
  readonly inflightMessagesMax?: number
  /** Most unanswered frame bytes per follower; default 32 MiB, 0 for no limit. */
  readonly inflightBytesMax?: number
  /** Most frame bytes that a leader holds uncommitted before it refuses proposals; default 64 MiB, 0 for no limit. */
  readonly uncommittedBytesMax?: number
  /** Most frame bytes of committed entries in one Ready, unless a single entry is larger; default 4 MiB. */
  readonly committedBytesMax?: number
  /** Most frame bytes of committed entries handed out and not yet acknowledged as applied; default 16 MiB. */
  readonly applyingBytesMax?: number
  /** Whether entries may be applied before they are durable here, once a quorum has them; default true. */
  readonly applyBeforeDurable?: boolean
  /** Whether a leader that was removed, or made a learner, steps down when it applies that; default true. */
  readonly stepDownOnRemoval?: boolean
  /** What a leader asks of a membership change. strict (default): an entry of its own term is committed, no change waits
   *  to be applied, and it is possible. pending: only that no other waits and that it fits to being joint or not. none:
   *  nothing. The latter two are for tests against other implementations. */
  readonly membershipGuard?: 'strict' | 'pending' | 'none'
  /** Frame bytes of an entry without payload (a new leader's, and the one that leaves a joint configuration); default 33. */
  readonly noopBytes?: number
  /** How long after a heartbeat that a quorum answered its leader serves reads without asking; default 0, never. The same
   *  on every replica of a partition. Needs checkQuorum, and leaseTicks + leaseRoundTripTicks + leaseDriftTicks +
   *  heartbeatTicks < electionTicksMin (dissertation §6.4.1); refused with ERR_INVALID_ARGUMENT otherwise. */
  readonly leaseTicks?: number
  /** How far two clocks drift apart in an election timeout, at most; default 1. Only leases rely on it. */
  readonly leaseDriftTicks?: number
  /** Room for the answer to a heartbeat in the inequality of leaseTicks; default 1. */
  readonly leaseRoundTripTicks?: number
  /** A leader hands leadership over when it has led for so long, not before; default 75 (750 ms), 0 for at once. */
  readonly leaderTicksMin?: number
  /** How long nothing must happen before the leader stops its heartbeats, and its followers their election timers, until
   *  something happens; default 0, never. The same on every replica; not together with leaseTicks. */
  readonly quiesceTicks?: number
  /** How long a candidate with a majority waits for the other voters, and steps back once if one has a longer log; default 0,
   *  never. Below electionTicksMin. */
  readonly longestLogWaitTicks?: number
  /** A learner that lacks at most so many entries for `promotionRounds` is told by `promotableLearner`; default 0, never.
   *  Needs checkQuorum; refused with ERR_INVALID_ARGUMENT otherwise. */
  readonly promotionLagEntriesMax?: number
  /** Check-quorum intervals on end for which a learner must keep up; default 3. */
  readonly promotionRounds?: number
  /** Added to every election timeout: replicas with a smaller one campaign first, so they lead more often. Default 0. */
  readonly electionBiasTicks?: number
  /** Average round trip of heartbeats to a follower from which on a candidate that asks it waits longer; default 15 (150 ms), 0
   *  for never. */
  readonly highRoundTripTicks?: number
}

/** How a leader sends to one replica: one append at a time until it knows where the logs meet, pipelined, or not at all
 *  while a snapshot is on its way. */
export type ProgressState = 'probe' | 'replicate' | 'snapshot'

/** What a leader knows of one replica. */
export interface ProgressStatus {
  readonly id: ReplicaId
  readonly state: ProgressState
  readonly matchIndex: LogIndex
  readonly nextIndex: LogIndex
  readonly inflightMessages: number
  readonly inflightBytes: number
  /** The index of the snapshot that is on its way; 0 for none. */
  readonly pendingSnapshotIndex: LogIndex
  /** Whether it receives the log without voting. */
  readonly learner: boolean
  /** Whether no append may be sent right now. */
  readonly paused: boolean
  /** Whether it was heard of in the current check-quorum interval. */
  readonly recentActive: boolean
  /** The average round trip of heartbeats in this leadership; null before the first is answered. */
  readonly roundTripTicks: number | null
}

/** A snapshot of the core for people and metrics. */
export interface CoreStatus {
  readonly id: ReplicaId
  readonly role: Role
  readonly leader: ReplicaId
  readonly term: Term
  readonly vote: ReplicaId
  readonly commitIndex: LogIndex
  readonly appliedIndex: LogIndex
  readonly durableIndex: LogIndex
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  readonly lastTerm: Term
  /** Frame bytes of proposals that are not committed (leader). */
  readonly uncommittedBytes: number
  /** Ticks since the election timer was last reset, and the timeout in force. */
  readonly electionElapsedTicks: number
  readonly electionTimeoutTicks: number
  readonly voters: VoterSets
  readonly configuration: MembershipConfiguration
  /** Whether no timer runs because nothing happens. */
  readonly quiesced: boolean
  /** Whether it serves reads without asking anybody. */
  readonly leaseHeld: boolean
  /** Whether the last heartbeat said that the round trip to this replica is high, and how often that began since the start. */
  readonly highRoundTrip: boolean
  readonly highRoundTripCount: number
  /** Election timeouts since the start that were drawn from the wider interval, because voters had a high round trip. */
  readonly widenedTimeoutCount: number
  /** The target of a leadership transfer that is under way; 0 for none. */
  readonly transferee: ReplicaId
  /** Per replica, this one included, sorted by id; empty unless leader. */
  readonly progress: readonly ProgressStatus[]
}

/** What became of a proposal. `firstIndex..lastIndex` of `term` are its entries; a drop had no effect.
 *  While leadership is handed over, proposals are dropped as if the target led already. */
export type ProposeResult =
  | {
      readonly kind: 'accepted'
      readonly term: Term
      readonly firstIndex: LogIndex
      readonly lastIndex: LogIndex
    }
  | {
      readonly kind: 'dropped'
      readonly reason: 'not-leader' | 'uncommitted-limit'
      readonly leader: ReplicaId
    }

/** What became of a proposed membership change; `refusal` says why the configuration does not admit it now. */
export type MembershipProposeResult =
  | ProposeResult
  | {
      readonly kind: 'dropped'
      readonly reason: 'refused'
      readonly leader: ReplicaId
      readonly refusal: string
    }

/** What became of a request to hand leadership over. term-too-short: ask again in `remainingTicks`. Started: the role change, or proposals that are accepted again, tell
 *  the end. */
export type TransferResult =
  | { readonly kind: 'started' }
  | {
      readonly kind: 'refused'
      readonly reason: 'not-leader' | 'not-voter' | 'leads-already'
      readonly leader: ReplicaId
    }
  | {
      readonly kind: 'refused'
      readonly reason: 'term-too-short'
      readonly leader: ReplicaId
      readonly remainingTicks: number
    }

/** What became of a read request: accepted ones end in `readStates`, or in `droppedReads` when the leader that took them lost
 *  its leadership. Those of a follower that nobody answers end never: give them a deadline. */
export type ReadIndexResult =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'dropped'; readonly reason: 'not-leader'; readonly leader: ReplicaId }
