import { ClustorError } from '../base/errors.js'
import { Fifo } from '../base/fifo.js'
import type { LogIndex, ReplicaId } from '../base/ids.js'
import type { Core } from '../raft/core.js'
import { entryKinds } from '../raft/entry-range.js'
import { decodeMembershipChange } from '../raft/membership-codec.js'
import type { MembershipChange } from '../raft/membership.js'
import type { MembershipProposeResult } from '../raft/ready.js'
import type { ReplicaLog } from '../wal/replica-log.js'
import { BatchWindow, type BatchWindowLimits } from './batch-window.js'
import type { FrameStage } from './frame-stage.js'
import { membershipRefusal } from './membership-entry.js'
import type { ProposalBatch, ProposalQueue } from './proposals.js'
import { copyWith } from './stop-errors.js'

export interface ProposalIntakeParts {
  readonly core: Core
  readonly queue: ProposalQueue
  readonly stage: FrameStage
  readonly log: ReplicaLog
  readonly window: BatchWindowLimits
  nowMs(): number
  /** Executes what the core has decided so far. */
  drainReady(): void
  notLeader(leader: ReplicaId): ClustorError
  /** Until when a leader that lost its leadership waits to learn what became of its entries. */
  lostUntilMs(): number
}

type Drop = Extract<MembershipProposeResult, { kind: 'dropped' }>

/** The way of a leader's proposals from the queue into the core and, framed, to the stage from which they are written. */
export class ProposalIntake {
  readonly #parts: ProposalIntakeParts
  /** Last index of each batch that is not committed. */
  readonly #batchEnds = new Fifo<LogIndex>()
  readonly #window: BatchWindow

  constructor(parts: ProposalIntakeParts) {
    this.#parts = parts
    this.#window = new BatchWindow(parts.window)
  }

  /** Whether something waits and may go on. */
  get mayPropose(): boolean {
    return this.#parts.queue.waitingCount > 0 && !this.#window.isFull
  }

  /** Makes one batch of everything that waits.
   *  @param diskError why the disk takes nothing: then everything that waits is refused; null when it does. */
  propose(diskError: ClustorError | null): void {
    const { queue, stage, log } = this.#parts
    if (diskError !== null) queue.failWaiting(() => copyWith(diskError, 'not-applied'))
    if (!this.mayPropose) return
    // The core's decision about received frames comes first: they and new ones may claim the same indexes.
    if (!stage.isEmpty) this.#parts.drainReady()
    const batch = queue.takeBatch()
    if (batch === null) return
    const result = this.#offer(batch)
    if (result.kind === 'dropped') {
      queue.dropped(() => this.#dropError(result, batch))
      return
    }
    const { term, firstIndex, lastIndex } = result
    const frames = log.encode(term, firstIndex, batch.kind, batch.payloads)
    stage.add(frames)
    queue.accepted(term, firstIndex, this.#parts.lostUntilMs())
    this.#batchEnds.push(lastIndex)
    this.#window.started(this.#parts.nowMs(), frames.bytes.byteLength)
  }

  /** Everything up to `index` is committed. */
  committed(index: LogIndex): void {
    for (let end = this.#batchEnds.peek(); end !== undefined && end <= index;) {
      this.#batchEnds.shift()
      this.#window.committed(this.#parts.nowMs())
      end = this.#batchEnds.peek()
    }
  }

  leadershipLost(): void {
    this.#parts.queue.leadershipLost(this.#parts.lostUntilMs())
    this.#batchEnds.clear()
    this.#window.reset()
  }

  #offer({ kind, byteLengths, payloads: [payload] }: ProposalBatch): MembershipProposeResult {
    const { core } = this.#parts
    if (kind !== entryKinds.membership) return core.propose(kind, byteLengths)
    return core.proposeMembership(changeOf(payload), byteLengths[0] ?? 0)
  }

  #dropError(drop: Drop, { payloads: [payload] }: ProposalBatch): ClustorError {
    if (drop.reason === 'not-leader') return this.#parts.notLeader(drop.leader)
    if (drop.reason === 'refused') {
      const { configuration } = this.#parts.core.status()
      return membershipRefusal(drop.refusal, changeOf(payload), configuration)
    }
    return new ClustorError('ERR_BUSY', 'too many bytes are proposed and not committed yet')
  }
}

const changeOf = (payload: Uint8Array | undefined): MembershipChange =>
  decodeMembershipChange(payload ?? new Uint8Array(0))
