import type { LogIndex, ReplicaId } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { assertChangesApplied, assertValid } from './assertions.js'
import { configure } from './configure.js'
import { campaign } from './election.js'
import type { EntryKind, EntryRange } from './entry-range.js'
import { hasLease } from './lease.js'
import { maybeLeaveJoint, proposeMembership, takeAppliedChange } from './membership-proposal.js'
import type { MembershipChangeResult } from './membership-change.js'
import type { MembershipChange } from './membership.js'
import type { Message } from './messages.js'
import { promotableLearner } from './promotion.js'
import { propose } from './propose.js'
import { wake, wakeFor } from './quiescence.js'
import { askReadIndex } from './read-index.js'
import type {
  Acknowledgement,
  CoreOptions,
  CoreStatus,
  MembershipProposeResult,
  ProposeResult,
  ReadIndexResult,
  Ready,
  SnapshotDescription,
  TransferResult,
} from './ready.js'
import { broadcastAppend, maybeCommit } from './replication.js'
import { noteSnapshot, reportSnapshot } from './send-snapshot.js'
import { createState, type CoreState } from './state.js'
import { describeStatus } from './status.js'
import { hasReady, takeReady } from './take-ready.js'
import { passTermGate } from './term-gate.js'
import { rearmElectionTimer, surrenderLeadership, tick } from './timer.js'
import { forgetLeader, transferLeadership } from './transfer.js'
import { dispatch } from './transitions.js'

/** Raft as a pure state machine: inputs go in through methods, everything to be done comes out of takeReady.
 *  It reads no clock, no disk and no random source of its own, waits for nothing, and never sees a payload.
 *
 *  Storage is asynchronous: a Ready may be taken while earlier ones are still being persisted. What is durable
 *  comes back in two ways, both explicit: `acknowledge` for the entries (a leader's own count toward a commit
 *  only then), and the messages of `messagesAfterPersist` that a replica addresses to itself, which are to be
 *  handed to `step` once they may leave (a candidate's own vote counts only then).
 *
 *  Membership changes take effect when they are applied. Snapshots are made, sent and stored outside; the core decides who
 *  needs one and what the log is after it.
 *
 *  Every method throws InvariantError when a rule of docs/invariants.md is broken; the core must not be used after. */
export class Core {
  readonly #state: CoreState

  /** @throws ClustorError ERR_INVALID_ARGUMENT for an option out of its range. */
  constructor(options: CoreOptions) {
    this.#state = createState(options)
  }

  /** Lets one unit of time pass. */
  tick(): void {
    tick(this.#state)
    this.#assertValid()
  }

  /** Takes a message of another replica, or one of this replica's own that was to wait for persistence. */
  step(message: Message): void {
    const state = this.#state
    invariant(message.to === state.id, 'R14', { to: message.to, id: state.id })
    wakeFor(state, message)
    if (passTermGate(state, message)) dispatch(state, message)
    this.#assertValid()
  }

  /** Campaigns at once, as if the election timeout had passed. Nothing happens on a leader or a non-voter. */
  campaign(): void {
    wake(this.#state)
    campaign(this.#state)
    this.#assertValid()
  }

  /** Proposes entries of one kind, all or none, and numbers them.
   *  @param byteLengths frame bytes of each entry, at least one entry; not kept. */
  propose(kind: EntryKind, byteLengths: Uint32Array): ProposeResult {
    wake(this.#state)
    const result = propose(this.#state, kind, byteLengths)
    this.#assertValid()
    return result
  }

  /** Proposes a membership change as one entry of kind membership. One at a time: the next one is admitted when the
   *  one before it is applied. It takes effect where and when `applyMembership` is called for it.
   *  @param byteLength frame bytes of the entry, whose payload is the encoded change. */
  proposeMembership(change: MembershipChange, byteLength: number): MembershipProposeResult {
    wake(this.#state)
    const result = proposeMembership(this.#state, change, byteLength)
    this.#assertValid()
    return result
  }

  /** The learner that has kept up for long enough to become a voter (leader only; `promotionLagEntriesMax`), for the caller to
   *  propose; 0 for none. Cheap: it may be asked after every tick. */
  promotableLearner(): ReplicaId {
    return promotableLearner(this.#state)
  }

  /** A committed membership entry is being applied: its change is in force from here on. To be called for each one in
   *  order, before `acknowledgeApplied` passes it. A core appends an entry with an empty payload by itself to leave a
   *  joint configuration.
   *  @returns the configuration now in force, or why the change was impossible and had no effect, on every replica. */
  applyMembership(change: MembershipChange, index: LogIndex): MembershipChangeResult {
    const result = takeAppliedChange(this.#state, change, index)
    if (result.kind === 'changed') configure(this.#state, result.configuration)
    this.#assertValid()
    return result
  }

  /** Hands leadership to another voter, within an election timeout or not at all (leader only, and not in the first
   *  `leaderTicksMin` of its leadership). */
  transferLeadership(to: ReplicaId): TransferResult {
    wake(this.#state)
    const result = transferLeadership(this.#state, to)
    this.#assertValid()
    return result
  }

  /** Takes the leader for lost without waiting for the election timeout, for example because its process is known to
   *  have ended. Nothing happens on a leader or a candidate. */
  forgetLeader(): void {
    wake(this.#state)
    forgetLeader(this.#state)
  }

  /** Asks at which index a linearizable read may be served. A follower or learner asks its leader, again and again until it
   *  is answered, also by the next leader; without a leader it refuses.
   *  @param context told back in readStates or droppedReads; the caller keeps it unique. */
  readIndex(context: number): ReadIndexResult {
    wake(this.#state)
    return askReadIndex(this.#state, context)
  }

  /** Time has passed for which there will be no ticks, because the process was busy or stood still: leases age by it,
   *  timers do not. With leases this comes before `readIndex`, or a read could be served by a lease that is over.
   *  @param count whole ticks of real time beyond those that `tick` was called for; 0 changes nothing. */
  skipTicks(count: number): void {
    invariant(Number.isSafeInteger(count) && count >= 0, 'R17', { count })
    this.#state.skippedTicks += count
  }

  /** Whether a lease runs: this replica leads, and may serve reads without asking anybody. */
  hasLease(): boolean {
    return hasLease(this.#state)
  }

  /** The write of a Ready is durable, and with it every earlier one. */
  acknowledge(acknowledgement: Acknowledgement): void {
    const state = this.#state
    state.persistence.acknowledge(acknowledgement)
    const progress = state.tracker.progressOf(state.id)
    if (state.role === 'leader' && progress?.acknowledgeMatch(state.persistence.durableIndex)) {
      if (maybeCommit(state)) broadcastAppend(state)
    }
    this.#assertValid()
  }

  /** The state machine has applied everything up to `index`. */
  acknowledgeApplied(index: LogIndex): void {
    const state = this.#state
    assertChangesApplied(state, index)
    state.applying.acknowledge(state.log, index)
    maybeLeaveJoint(state)
  }

  /** A snapshot is complete and durable here: followers that need compacted entries are sent it.
   *  Its index must be applied; an older one than is known is ignored. */
  noteSnapshot(snapshot: SnapshotDescription): void {
    noteSnapshot(this.#state, snapshot)
  }

  /** What became of the snapshot of an `install-snapshot` message; until this or an answer of the follower nothing more
   *  is sent to it. A failed one is tried again after its next sign of life. */
  reportSnapshot(id: ReplicaId, outcome: 'delivered' | 'failed'): void {
    reportSnapshot(this.#state, id, outcome)
    this.#assertValid()
  }

  /** Messages to `id` were lost: pipelining to it stops until it answers a probe. */
  reportUnreachable(id: ReplicaId): void {
    // It may be the leader, which would have no other way of telling that it is gone.
    wake(this.#state)
    const progress = this.#state.tracker.progressOf(id)
    if (this.#state.role === 'leader' && progress?.state === 'replicate') progress.becomeProbe()
  }

  /** Lets timers run again if the group is quiesced: somebody wants something that is not asked of the core. */
  wake(): void {
    wake(this.#state)
  }

  /** Starts the wait for a leader, or the leader's wait for its quorum, afresh. For a process that was stalled:
   *  the silence it sees is its own, so it must neither campaign nor step down for it. A lease ends with it. */
  rearmElectionTimer(): void {
    rearmElectionTimer(this.#state)
  }

  /** Gives leadership up, for a process that stood still for so long that it must take itself for replaced; whoever waits for
   *  a read or a transfer hears so. Unless nobody else could have replaced it. Starts the wait for a leader afresh, in any role. */
  surrenderLeadership(): void {
    surrenderLeadership(this.#state)
    this.#assertValid()
  }

  /** Forgets the entries before `index`; they must be applied and durable. */
  compactBefore(index: LogIndex): void {
    const { applying, persistence, log } = this.#state
    const { appliedIndex } = applying
    invariant(index <= appliedIndex + 1, 'R10', { index, appliedIndex })
    invariant(index <= persistence.durableIndex + 1, 'R10', { index })
    if (index > log.firstIndex) log.compactBefore(index)
  }

  /** The entries first..last without their payloads; both must be in the log. */
  entries(first: LogIndex, last: LogIndex): EntryRange {
    const { log } = this.#state
    invariant(first >= log.firstIndex && last <= log.lastIndex && first <= last, 'R10', {
      first,
      last,
    })
    return log.slice(first, last)
  }

  hasReady(): boolean {
    return hasReady(this.#state)
  }

  /** Everything to be done since the last call. */
  takeReady(): Ready {
    const ready = takeReady(this.#state)
    this.#assertValid()
    return ready
  }

  status(): CoreStatus {
    return describeStatus(this.#state)
  }

  #assertValid(): void {
    assertValid(this.#state)
  }
}
