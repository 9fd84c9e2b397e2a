import type { LogIndex, ReplicaId } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { campaign } from './election.js'
import type { EntryKind, EntryRange } from './entry-range.js'
import type { Message } from './messages.js'
import { propose } from './propose.js'
import { askReadIndex } from './read-index.js'
import type {
  Acknowledgement,
  CoreOptions,
  CoreStatus,
  ProposeResult,
  ReadIndexResult,
  Ready,
} from './ready.js'
import { broadcastAppend, maybeCommit } from './replication.js'
import { createState, restartElectionTimer, type CoreState } from './state.js'
import { hasReady, takeReady } from './take-ready.js'
import { passTermGate } from './term-gate.js'
import { tick } from './timer.js'
import { dispatch } from './transitions.js'

/** Raft as a pure state machine: inputs go in through methods, everything to be done comes out of takeReady.
 *  It reads no clock, no disk and no random source of its own, waits for nothing, and never sees a payload.
 *
 *  Storage is asynchronous: a Ready may be taken while earlier ones are still being persisted. What is durable
 *  comes back in two ways, both explicit: `acknowledge` for the entries (a leader's own count toward a commit
 *  only then), and the messages of `messagesAfterPersist` that a replica addresses to itself, which are to be
 *  handed to `step` once they may leave (a candidate's own vote counts only then).
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
    if (passTermGate(state, message)) dispatch(state, message)
    this.#assertValid()
  }

  /** Campaigns at once, as if the election timeout had passed. Nothing happens on a leader or a non-voter. */
  campaign(): void {
    campaign(this.#state)
    this.#assertValid()
  }

  /** Proposes entries of one kind, all or none, and numbers them.
   *  @param byteLengths frame bytes of each entry, at least one entry; not kept. */
  propose(kind: EntryKind, byteLengths: Uint32Array): ProposeResult {
    const result = propose(this.#state, kind, byteLengths)
    this.#assertValid()
    return result
  }

  /** Asks at which index a linearizable read may be served (leader only).
   *  @param context told back in readStates or droppedReads; the caller keeps it unique. */
  readIndex(context: number): ReadIndexResult {
    return askReadIndex(this.#state, context)
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

  /** The writes in flight failed and left nothing on disk (a full disk). Their entries, the term and the vote are
   *  handed out again with the next Ready; the caller drops the messages that waited for those writes. */
  reportWriteFailed(): void {
    this.#state.toldHardState = this.#state.persistence.rewind()
    this.#assertValid()
  }

  /** The state machine has applied everything up to `index`. */
  acknowledgeApplied(index: LogIndex): void {
    this.#state.applying.acknowledge(this.#state.log, index)
  }

  /** Messages to `id` were lost: pipelining to it stops until it answers a probe. */
  reportUnreachable(id: ReplicaId): void {
    const progress = this.#state.tracker.progressOf(id)
    if (this.#state.role === 'leader' && progress?.state === 'replicate') progress.becomeProbe()
  }

  /** Starts the wait for a leader, or the leader's wait for its quorum, afresh. For a process that was stalled:
   *  the silence it sees is its own, so it must neither campaign nor step down for it. */
  rearmElectionTimer(): void {
    restartElectionTimer(this.#state)
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
    const { log, persistence, applying, tracker, ...state } = this.#state
    return {
      id: state.id,
      role: state.role,
      leader: state.leader,
      term: state.term,
      vote: state.vote,
      commitIndex: state.commitIndex,
      appliedIndex: applying.appliedIndex,
      durableIndex: persistence.durableIndex,
      firstIndex: log.firstIndex,
      lastIndex: log.lastIndex,
      lastTerm: log.last.term,
      uncommittedBytes: state.uncommittedBytes,
      electionElapsedTicks: state.electionElapsedTicks,
      electionTimeoutTicks: state.electionTimeoutTicks,
      voters: tracker.voters,
      progress: state.role === 'leader' ? tracker.status() : [],
    }
  }

  #assertValid(): void {
    const { applying, commitIndex, log, persistence, tracker, role } = this.#state
    const { appliedIndex, handedOutIndex } = applying
    invariant(appliedIndex <= handedOutIndex, 'R3', { appliedIndex, handedOutIndex })
    invariant(handedOutIndex <= commitIndex, 'R3', { handedOutIndex, commitIndex })
    invariant(commitIndex <= log.lastIndex, 'R3', { commitIndex, lastIndex: log.lastIndex })
    const { durableIndex, nextIndex } = persistence
    invariant(durableIndex < nextIndex, 'R4', { durableIndex, nextIndex })
    invariant(nextIndex <= log.lastIndex + 1, 'R4', { nextIndex, lastIndex: log.lastIndex })
    if (role === 'leader') tracker.assertValid()
  }
}
