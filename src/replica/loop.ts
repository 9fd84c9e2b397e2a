/** The loop of one partition: the one place where its inputs meet its core.
 *
 *  Inputs (messages, ticks, proposals, reads, completions of the disk and of the state machine) are noted when they
 *  come and handled together at the end of the same callback of the event loop, in a microtask: all messages are stepped,
 *  the proposals that wait become one batch, the reads one round, and then the core's Ready is executed: one write, one
 *  append to each follower. Nothing calls backwards: whatever an effect causes is an input of the next round. */
import type { Applier } from '../apply/applier.js'
import type { ClustorError } from '../base/errors.js'
import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { noReplica } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Core } from '../raft/core.js'
import type { MembershipChangeResult } from '../raft/membership-change.js'
import { decodeMembershipChange } from '../raft/membership-codec.js'
import type { CoreStatus, Ready, Role, SoftState } from '../raft/ready.js'
import type { PeerMessage } from '../transport/transport.js'
import { ApplyPump } from './apply-pump.js'
import { FrameSource } from './frame-source.js'
import { FrameStage } from './frame-stage.js'
import { createCore } from './loop-parts.js'
import type { Input, LoopParts } from './loop-parts.js'
import { LearnerPromotion } from './learner-promotion.js'
import { MessageSender } from './message-sender.js'
import { ProposalIntake } from './proposal-intake.js'
import { ProposalQueue } from './proposals.js'
import { ReadQueue } from './reads.js'
import { ReadyExecutor } from './ready-executor.js'
import { batchCountMax, batchWindowLimits, deadlineTicks, diskRetryTicks } from './settings.js'
import { asClustorError, copyWith } from './stop-errors.js'
import { SkippedTicks, StallGuard } from './ticks.js'
import { Transfers } from './transfers.js'
import type { TransferRequest } from './transfers.js'

export class ReplicaLoop {
  readonly proposals: ProposalQueue
  readonly reads: ReadQueue
  readonly source: FrameSource
  readonly #parts: LoopParts
  readonly #core: Core
  readonly #stage: FrameStage
  readonly #executor: ReadyExecutor
  readonly #sender: MessageSender
  readonly #pump: ApplyPump
  readonly #guard: StallGuard
  readonly #skippedTicks: SkippedTicks
  readonly #transfers: Transfers
  readonly #promotion: LearnerPromotion
  readonly #intake: ProposalIntake
  #inputs: Input[] = []
  #scheduled = false
  #tickCount = 0
  #diskFullTicks = 0
  #role: Role = 'follower'
  #leader: ReplicaId = noReplica
  #term: Term
  #diskError: ClustorError | null = null
  #stopError: ClustorError | null = null

  constructor(parts: LoopParts) {
    const { log, settings, applier } = parts
    this.#parts = parts
    this.#core = createCore(parts)
    this.#term = log.recovered.hardState.term
    this.#stage = new FrameStage(log)
    this.#executor = new ReadyExecutor(parts.id, log, this.#executorPorts())
    this.source = new FrameSource(log, this.#executor)
    this.#sender = new MessageSender(this.source, this.#senderPorts())
    this.proposals = new ProposalQueue({
      countMax: settings.proposalQueueMax,
      bytesMax: settings.uncommittedBytesMax,
      batchBytesMax: settings.appendBytesMax,
      batchCountMax,
    })
    this.#intake = new ProposalIntake({
      core: this.#core,
      queue: this.proposals,
      stage: this.#stage,
      log,
      window: batchWindowLimits(settings),
      nowMs: () => parts.ticks.nowMs(),
      drainReady: () => {
        this.#drainReady()
      },
      notLeader: (leader) => parts.notLeader(leader, this.#term),
      lostUntilMs: () => this.#lostUntilMs(),
    })
    this.reads = new ReadQueue(settings.proposalQueueMax)
    this.#pump = this.#createPump(applier)
    this.#transfers = new Transfers(settings.tickMs)
    this.#promotion = new LearnerPromotion(this.#core, this.proposals, settings.requestTimeoutMs)
    const stallMs = Math.max(3 * settings.tickMs, settings.electionTimeoutMsMin / 2)
    log.listen({
      // What was acknowledged may be gone: this replica must not vote or lead on the strength of it.
      quarantined: (error) => this.stop(error),
      stalled: () => parts.changed(),
    })
    this.#guard = new StallGuard(stallMs, parts.ticks.nowMs())
    this.#skippedTicks = new SkippedTicks(settings.tickMs, parts.ticks.nowMs())
    this.#schedule()
  }

  /** Why the loop ended; null while it runs. */
  get stopError(): ClustorError | null {
    return this.#stopError
  }

  /** Why proposals are refused although the loop runs: the disk is full. */
  get diskError(): ClustorError | null {
    return this.#diskError
  }

  get role(): Role {
    return this.#role
  }

  get stallCount(): number {
    return this.#guard.count
  }

  get pendingWriteCount(): number {
    return this.#executor.pendingWriteCount
  }

  /** Whether the state machine is between two batches. */
  get isMachineIdle(): boolean {
    return this.#pump.isIdle
  }

  coreStatus(): CoreStatus {
    return this.#core.status()
  }

  receive(incoming: PeerMessage): void {
    this.#input({ kind: 'message', incoming })
  }

  reportUnreachable(replica: ReplicaId): void {
    this.#input({ kind: 'unreachable', replica })
  }

  tick(): void {
    this.#input({ kind: 'tick' })
  }

  campaign(): void {
    this.#input({ kind: 'campaign' })
  }

  /** Hands leadership over; the request hears what came of it. */
  transferLeadership(request: TransferRequest): void {
    this.#input({ kind: 'transfer', request })
  }

  forgetLeader(): void {
    this.#input({ kind: 'forget-leader' })
  }

  /** The applier's way to put a committed membership change in force.
   *  @throws ERR_FORMAT_NEWER, ERR_PROTOCOL when the bytes are no change: the replica stops. */
  applyMembership(payload: Uint8Array, index: LogIndex): MembershipChangeResult {
    return this.#core.applyMembership(decodeMembershipChange(payload), index)
  }

  /** Something waits in `proposals` or `reads`. */
  wake(): void {
    this.#schedule()
  }

  /** Ends the loop: it sends, votes and acknowledges nothing from here on, and everything that waits fails. */
  stop(error: ClustorError): void {
    if (this.#stopError !== null) return
    this.#stopError = error
    for (const input of this.#inputs) {
      if (input.kind === 'transfer') input.request.reject(copyWith(error, 'not-applied'))
    }
    this.#inputs = []
    this.#transfers.failAll(() => copyWith(error, 'unknown'))
    this.#pump.stop()
    this.source.stop()
    this.proposals.failAll((outcome) => copyWith(error, outcome))
    this.reads.failAll(() => copyWith(error, 'not-applied'))
    this.#parts.stopped(error)
    this.#parts.changed()
  }

  #input(input: Input): void {
    if (this.#stopError !== null) return
    this.#inputs.push(input)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopError !== null) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#turn()
    })
  }

  #turn(): void {
    try {
      do {
        this.#handleInputs()
        this.#intake.propose(this.#diskError)
        this.#startReads()
        this.#drainReady()
        this.#pump.run()
      } while (this.#hasWork())
      if (!this.#transfers.isEmpty) this.#transfers.look(this.#core.status())
      if (this.#pump.isIdle) this.reads.serve(this.#parts.applier.appliedIndex)
    } catch (error) {
      this.stop(asClustorError(error))
    }
  }

  #hasWork(): boolean {
    if (this.#stopError !== null) return false
    return this.#inputs.length > 0 || this.#core.hasReady() || this.#intake.mayPropose
  }

  #handleInputs(): void {
    const inputs = this.#inputs
    this.#inputs = []
    for (const input of inputs) {
      if (this.#stopError !== null) return
      this.#handle(input)
    }
  }

  #handle(input: Input): void {
    switch (input.kind) {
      case 'message':
        this.#step(input.incoming)
        return
      case 'self':
        this.#core.step(input.message)
        return
      case 'durable':
        this.#core.acknowledge(input.acknowledgement)
        return
      case 'unreachable':
        this.#core.reportUnreachable(input.replica)
        return
      case 'campaign':
        this.#core.campaign()
        return
      case 'transfer':
        this.#transfer(input.request)
        return
      case 'forget-leader':
        this.#core.forgetLeader()
        return
      case 'tick':
        this.#tick()
    }
  }

  #step({ message, frames }: PeerMessage): void {
    const entries = message.kind === 'append-entries' ? message.entries : null
    if (entries !== null) {
      invariant(frames !== null, 'P4', { firstIndex: entries.firstIndex })
      // A full disk takes no entries: the leader hears nothing, as if the network had lost them, and sends them again.
      if (this.#executor.isDiskFull) return
      if (!this.#stage.accepts(entries.firstIndex)) this.#drainReady()
      this.#stage.add({ range: entries, bytes: frames })
    }
    if (message.kind === 'read-index') this.#lookAtClock()
    this.#core.step(message)
  }

  #tick(): void {
    const nowMs = this.#parts.ticks.nowMs()
    const stalledMs = this.#guard.stalledMs(nowMs)
    this.#core.skipTicks(this.#skippedTicks.take(nowMs, stalledMs > 0 ? 0 : 1))
    if (stalledMs === 0) this.#core.tick()
    else if (stalledMs >= this.#parts.settings.loopStallMsMax) this.#core.surrenderLeadership()
    else this.#core.rearmElectionTimer()
    this.#tickCount += 1
    this.#sender.sendDeferred()
    if (this.#executor.isDiskFull) this.#retryDisk()
    if (this.#tickCount % deadlineTicks !== 0) return
    this.proposals.expire(nowMs)
    this.reads.expire(nowMs)
    this.#transfers.expire(nowMs)
    this.#promotion.look(nowMs)
  }

  #transfer(request: TransferRequest): void {
    const result = this.#core.transferLeadership(request.to)
    const leader = result.kind === 'refused' ? result.leader : noReplica
    this.#transfers.asked(request, result, {
      term: this.#term,
      notLeader: () => this.#parts.notLeader(leader, this.#term),
    })
  }

  #retryDisk(): void {
    this.#diskFullTicks += 1
    if (this.#diskFullTicks % diskRetryTicks !== 0) return
    // Those that a quorum of others made durable have been answered by then.
    const error = this.#diskError
    if (error !== null) this.proposals.failInFlight(() => copyWith(error, 'unknown'))
    this.#executor.retry()
  }

  #startReads(): void {
    if (this.#role !== 'leader') {
      const error = (): ClustorError => this.#parts.notLeader(this.#leader, this.#term)
      // The leader that they are told of may be gone.
      if (this.reads.refuseAtFollower(error)) this.#core.wake()
    }
    const context = this.reads.startRound()
    if (context === null) return
    this.#lookAtClock()
    const result = this.#core.readIndex(context)
    if (result.kind === 'accepted') return
    this.reads.dropped(context, () => this.#parts.notLeader(result.leader, this.#term))
  }

  /** Reads are asked before this look at the clock. So if a lease still runs by it, nobody else led when they were
   *  asked, however late the ticks are and however long the process stood still before. */
  #lookAtClock(): void {
    this.#core.skipTicks(this.#skippedTicks.take(this.#parts.ticks.nowMs(), 0))
  }

  #drainReady(): void {
    while (this.#stopError === null && this.#core.hasReady()) this.#execute(this.#core.takeReady())
    // A message that the core drops without a word, an append of an old term, leaves its frames behind.
    this.#stage.clear()
  }

  #execute(ready: Ready): void {
    if (ready.hardState !== undefined) this.#term = ready.hardState.term
    if (ready.softState !== undefined) this.#changeRole(ready.softState)
    const frames = this.#stage.take(ready.entries)
    if (frames !== undefined || ready.truncateFrom !== undefined) {
      this.#sender.offerLatest(frames ?? null)
    }
    this.#executor.execute(ready, frames)
    if (ready.committed !== undefined) this.#commit(ready.committed.lastIndex)
    for (const state of ready.readStates) this.reads.confirmed(state)
    for (const context of ready.droppedReads) {
      this.reads.dropped(context, () => this.#parts.notLeader(noReplica, this.#term))
    }
  }

  #changeRole({ role, leader }: SoftState): void {
    this.#leader = leader
    const wasLeader = this.#role === 'leader'
    // A leader that was removed leaves no word of it to a later append: the others could not know that it is committed.
    if (wasLeader && role !== 'leader') this.#sender.sendDeferred()
    this.#role = role
    if (wasLeader && role !== 'leader') this.#intake.leadershipLost()
    this.#parts.changed()
  }

  /** A new leader is usually known, and what it thinks of old entries, within two election timeouts. */
  #lostUntilMs(): number {
    return this.#parts.ticks.nowMs() + 2 * this.#parts.settings.electionTimeoutMsMax
  }

  #commit(index: LogIndex): void {
    this.#intake.committed(index)
    this.#pump.commit(index)
  }

  #executorPorts(): ConstructorParameters<typeof ReadyExecutor>[2] {
    return {
      send: (message) => {
        if (this.#stopError === null) this.#sender.send(message)
      },
      stepSelf: (message) => {
        this.#input({ kind: 'self', message })
      },
      acknowledge: (acknowledgement) => {
        this.#input({ kind: 'durable', acknowledgement })
        this.source.notifyDurable()
      },
      diskFull: (error) => {
        this.#diskError = error
        this.#diskFullTicks = 0
        this.#schedule()
      },
      diskResumed: () => {
        this.#diskError = null
        this.#schedule()
      },
      failed: (error) => {
        this.stop(asClustorError(error))
      },
    }
  }

  #senderPorts(): ConstructorParameters<typeof MessageSender>[1] {
    return {
      send: (message) => {
        this.#parts.send(message)
      },
      unreachable: (replica) => {
        this.reportUnreachable(replica)
      },
      leadingTerm: () => (this.#role === 'leader' && this.#stopError === null ? this.#term : null),
      track: (promise) => {
        this.#track(promise)
      },
    }
  }

  #createPump(applier: Applier): ApplyPump {
    const settle = this.proposals.settle.bind(this.proposals)
    return new ApplyPump({
      applier,
      log: this.#parts.log,
      source: this.source,
      batchBytesMax: this.#parts.settings.applyBytesMax,
      settle: () => (this.proposals.expectsAnswers ? settle : null),
      ports: {
        applied: () => {
          this.#core.acknowledgeApplied(applier.appliedIndex)
          this.#parts.changed()
          this.#schedule()
        },
        failed: (error) => {
          this.stop(asClustorError(error))
        },
        again: () => {
          setImmediate(() => {
            this.#schedule()
          })
        },
        track: (promise) => {
          this.#track(promise)
        },
      },
    })
  }

  #track(promise: Promise<void>): void {
    promise.catch((error: unknown) => {
      this.stop(asClustorError(error))
    })
  }
}
