import { noReplica, type LogIndex, type ReplicaId, type Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { integerBetween, type Random } from '../base/random.js'
import { Applying } from './applying.js'
import { ForwardedReads } from './forwarded-reads.js'
import { LogView } from './log-view.js'
import type { Message } from './messages.js'
import { resolveConfiguration, resolveLimits, type CoreLimits } from './options.js'
import { Persistence } from './persistence.js'
import { ReadRounds } from './read-rounds.js'
import type {
  CoreOptions,
  HardState,
  RecoveredState,
  Role,
  SnapshotDescription,
  SoftState,
} from './ready.js'
import { Tracker } from './tracker.js'

/** Everything that one replica knows. The handlers of this room, one file each, change it; nobody else sees it. */
export interface CoreState {
  readonly id: ReplicaId
  readonly limits: CoreLimits
  readonly random: Random
  readonly log: LogView
  readonly persistence: Persistence
  readonly applying: Applying
  readonly tracker: Tracker
  readonly reads: ReadRounds
  readonly forwardedReads: ForwardedReads
  term: Term
  vote: ReplicaId
  role: Role
  leader: ReplicaId
  commitIndex: LogIndex
  electionElapsedTicks: number
  electionTimeoutTicks: number
  heartbeatElapsedTicks: number
  /** The last heartbeat said that the round trip to this replica is high. */
  highRoundTrip: boolean
  /** How often that began. */
  highRoundTripCount: number
  /** The next election timeout is drawn from the wider interval. */
  widensTimeout: boolean
  /** The one in force was. */
  timeoutWidened: boolean
  widenedTimeoutCount: number
  /** Ticks since the start. */
  nowTicks: number
  /** Time that passed without its ticks, in ticks. Only leases age by it. */
  skippedTicks: number
  /** When a leader was last heard; the start counts as such, for what was promised before it is forgotten. */
  heardTicks: number
  /** No timer runs, until something happens. */
  quiesced: boolean
  /** When something happened last, apart from heartbeats and their answers. */
  activeTicks: number
  /** When this candidate had its majority and began to wait for the other voters; undefined while it does not. */
  majorityTicks: number | undefined
  /** This replica has stepped back for a longer log, and does not do so again before it has heard a leader. */
  steppedBack: boolean
  /** When this leadership began. */
  ledSinceTicks: number
  /** A follower was told to campaign at once: no lease holds it back, for the rest of this leadership. */
  leaseWaived: boolean
  /** Frame bytes of this leader's proposals beyond the commit index. */
  uncommittedBytes: number
  /** The empty entry of this leadership: proposals come after it. */
  noopIndex: LogIndex
  /** The last membership entry that was applied. */
  membershipIndex: LogIndex
  /** Replicas that have left the configuration, by entries that were applied here, and have not voted since. */
  readonly former: Set<ReplicaId>
  /** The last entry that may be a membership change and was there when leadership began, or was proposed since: only when
   *  it is applied can there be another. */
  pendingMembershipIndex: LogIndex
  /** Who is to take over the leadership; 0 for nobody. */
  transferee: ReplicaId
  /** The newest snapshot that followers can be sent. */
  snapshot: SnapshotDescription | undefined
  /** A snapshot that the next Ready hands out to be restored. */
  restoredSnapshot: SnapshotDescription | undefined
  messages: Message[]
  messagesAfterPersist: Message[]
  /** What the last Ready told. */
  toldHardState: HardState
  toldSoftState: SoftState
}

const neverRun: RecoveredState = {
  hardState: { term: 0 as Term, vote: noReplica, commitIndex: 0 as LogIndex },
  entries: {
    firstIndex: 1 as LogIndex,
    lastIndex: 0 as LogIndex,
    prevTerm: 0 as Term,
    runs: [],
    byteLengths: new Uint32Array(0),
  },
  appliedIndex: 0 as LogIndex,
}

/** A follower as it comes up, with what it recovered. */
export function createState(options: CoreOptions): CoreState {
  const recovered = options.recovered ?? neverRun
  const limits = resolveLimits(options)
  const log = new LogView(recovered.entries)
  const { hardState, appliedIndex } = recovered
  assertRecovered(recovered, log)
  const state: CoreState = {
    id: options.id,
    limits,
    random: options.random,
    log,
    persistence: new Persistence(log.lastIndex),
    applying: new Applying(appliedIndex, {
      pageBytesMax: limits.committedBytesMax,
      bytesMax: limits.applyingBytesMax,
    }),
    tracker: new Tracker(resolveConfiguration(options), log.lastIndex + 1, limits),
    reads: new ReadRounds(options.id),
    forwardedReads: new ForwardedReads(),
    term: hardState.term,
    vote: hardState.vote,
    // What was applied was committed, even if the hard state on disk is older than that.
    commitIndex: Math.max(hardState.commitIndex, appliedIndex) as LogIndex,
    role: 'follower',
    leader: noReplica,
    electionElapsedTicks: 0,
    electionTimeoutTicks: 0,
    heartbeatElapsedTicks: 0,
    highRoundTrip: false,
    highRoundTripCount: 0,
    widensTimeout: false,
    timeoutWidened: false,
    widenedTimeoutCount: 0,
    nowTicks: 0,
    skippedTicks: 0,
    heardTicks: 0,
    quiesced: false,
    activeTicks: 0,
    majorityTicks: undefined,
    steppedBack: false,
    ledSinceTicks: 0,
    leaseWaived: false,
    uncommittedBytes: 0,
    noopIndex: 0 as LogIndex,
    membershipIndex: appliedIndex,
    former: new Set(),
    pendingMembershipIndex: 0 as LogIndex,
    transferee: noReplica,
    snapshot: recovered.snapshot,
    restoredSnapshot: undefined,
    messages: [],
    messagesAfterPersist: [],
    toldHardState: hardState,
    toldSoftState: { role: 'follower', leader: noReplica },
  }
  restartElectionTimer(state)
  return state
}

/** Twice the default election timeouts are those of the profile for far places. */
const wideFactor = 2

/** Starts the wait for a leader afresh, with a timeout of its own (Raft §5.2: randomized timeouts split votes rarely). */
export function restartElectionTimer(state: CoreState): void {
  const { electionTicksMin, electionTicksMax, electionBiasTicks } = state.limits
  const factor = takeWidening(state) ? wideFactor : 1
  const [min, max] = [factor * electionTicksMin, factor * electionTicksMax]
  state.electionElapsedTicks = 0
  state.electionTimeoutTicks = integerBetween(state.random, min, max) + electionBiasTicks
}

/** Whether the timeout that is drawn now is to be a wide one; the next is not. */
function takeWidening(state: CoreState): boolean {
  state.timeoutWidened = state.widensTimeout
  state.widensTimeout = false
  if (state.timeoutWidened) state.widenedTimeoutCount++
  return state.timeoutWidened
}

/** A follower hears its leader. */
export function hearLeader(state: CoreState, leader: ReplicaId): void {
  postponeElection(state)
  followLeader(state, leader)
}

/** Takes a replica for the leader of the current term, and gives it the vote of the term if that is left: this replica may have
 *  voted in the term, been removed, and come back with an empty disk, and must not vote for another one (M09). */
export function followLeader(state: CoreState, leader: ReplicaId): void {
  state.leader = leader
  state.heardTicks = state.nowTicks
  state.steppedBack = false
  if (state.vote === noReplica && state.limits.membershipGuard === 'strict') state.vote = leader
}

/** A leader was heard, or a vote was given: the wait for a leader starts over. */
export function postponeElection(state: CoreState): void {
  state.electionElapsedTicks = 0
}

/** Whether this replica may campaign: only a voter may, and none whose state machine lacks a snapshot. */
export const isPromotable = ({ tracker, applying, id }: CoreState): boolean =>
  tracker.isVoter(id) && !applying.restoring

/** Moves the commit index on; it never falls.
 *  @returns whether it moved. */
export function commitTo(state: CoreState, index: number): boolean {
  if (index <= state.commitIndex) return false
  invariant(index <= state.log.lastIndex, 'R5', { index, lastIndex: state.log.lastIndex })
  if (state.role === 'leader') releaseUncommitted(state, index)
  state.commitIndex = index as LogIndex
  return true
}

/** The last entry that the state machine may be given. */
export function appliableIndex(state: CoreState): number {
  if (state.limits.applyBeforeDurable) return state.commitIndex
  return Math.min(state.commitIndex, state.persistence.durableIndex)
}

function releaseUncommitted(state: CoreState, index: number): void {
  const firstIndex = Math.max(state.commitIndex, state.noopIndex) + 1
  state.uncommittedBytes -= state.log.bytesBetween(firstIndex, index)
}

function assertRecovered({ hardState, appliedIndex }: RecoveredState, log: LogView): void {
  const { commitIndex, term } = hardState
  const { firstIndex, lastIndex, last } = log
  const hasEntries = firstIndex <= lastIndex
  invariant(commitIndex <= lastIndex, 'R3', { commitIndex, lastIndex })
  invariant(appliedIndex <= lastIndex, 'R3', { appliedIndex, lastIndex })
  invariant(appliedIndex >= firstIndex - 1, 'R3', { appliedIndex, firstIndex })
  invariant(!hasEntries || last.term <= term, 'R9', { lastTerm: last.term, term })
}
