import type { LogIndex, ReplicaId } from '../../src/base/ids.js'
import { Core } from '../../src/raft/core.js'
import type { EntryKind, EntryRange } from '../../src/raft/entry-range.js'
import type { Message } from '../../src/raft/messages.js'
import type { MembershipChange } from '../../src/raft/membership.js'
import type {
  Acknowledgement,
  CoreOptions,
  CoreStatus,
  MembershipProposeResult,
  ProposeResult,
  Ready,
  SnapshotDescription,
} from '../../src/raft/ready.js'
import { describeConfiguration } from './confchange.js'
import { describeChangeValue, type ScriptChange } from './payloads.js'
import { ElectionNarrator } from './election-narrator.js'
import { FollowerNarrator } from './follower-narrator.js'
import type { Journal } from './journal.js'
import { LeaderNarrator } from './leader-narrator.js'
import { LogMirror } from './log-mirror.js'

/** A core that tells a journal what it does, in the words of the scripts' own core.
 *
 *  The core itself writes no log. What is told is found out from outside: from what goes in, and from the status before and
 *  after. Messages, hard states and entries are not told here; they are compared as they are. */
export class ScriptCore {
  readonly #core: Core
  readonly #journal: Journal
  readonly #log: LogMirror
  readonly #elections: ElectionNarrator
  readonly #follower: FollowerNarrator
  readonly #leader: LeaderNarrator

  constructor(options: CoreOptions, journal: Journal) {
    this.#core = new Core(options)
    this.#journal = journal
    this.#log = new LogMirror(this.#core, journal)
    this.#elections = new ElectionNarrator(options, journal)
    this.#follower = new FollowerNarrator(this.#log, journal)
    this.#leader = new LeaderNarrator(this.#log, journal, options.inflightMessagesMax)
    this.#sayMade()
  }

  status(): CoreStatus {
    return this.#core.status()
  }

  hasReady(): boolean {
    return this.#core.hasReady()
  }

  takeReady(): Ready {
    const ready = this.#core.takeReady()
    this.#log.noteGiven()
    this.#follower.noteHandedOut(ready)
    return ready
  }

  tick(): void {
    const { before, after } = this.#observe(() => {
      this.#core.tick()
    })
    this.#elections.sayTick(before, after)
  }

  campaign(): void {
    const { before, after } = this.#observe(() => {
      this.#core.campaign()
    })
    this.#elections.sayCampaign(before, after)
  }

  /** What the scripts' own core does instead of `forgetLeader` with leases; here a lease outlives the forgetting. */
  ignoreForgetLeader(): void {
    if (this.#core.status().role === 'follower') {
      this.#journal.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased')
    }
  }

  forgetLeader(): void {
    const { before } = this.#observe(() => {
      this.#core.forgetLeader()
    })
    const { id, role, leader, term } = before
    if (role !== 'follower' || leader === 0) return
    this.#journal.info(`${id} forgetting leader ${leader} at term ${term}`)
  }

  step(message: Message): void {
    const before = this.#core.status()
    if (!this.#elections.leavesUnanswered(before, message)) this.#core.step(message)
    const after = this.#core.status()
    const seen = this.#elections.enterTerm(before, message, after)
    if (seen !== undefined) {
      this.#elections.sayHandled(seen, message, after)
      this.#follower.sayHandled(seen, message)
      this.#leader.sayHandled(seen, message, after)
    }
    this.#leader.saySnapshots(before, after, message)
    this.#log.refresh(this.#core)
  }

  propose(kind: EntryKind, byteLengths: Uint32Array): ProposeResult {
    const { result, before } = this.#observe(() => this.#core.propose(kind, byteLengths))
    if (result.kind === 'dropped') this.#sayDropped(before)
    return result
  }

  proposeMembership({ change, v1 }: ScriptChange): MembershipProposeResult {
    const { result, before } = this.#observe(() => this.#core.proposeMembership(change, 1))
    if (result.kind === 'accepted') return result
    if (result.reason !== 'refused') this.#sayDropped(before)
    else {
      const what = describeChangeValue({ change, v1 })
      const configuration = describeConfiguration(before.configuration)
      this.#journal.info(
        `${before.id} ignoring conf change ${what} at config ${configuration}: ${result.refusal}`,
      )
    }
    return result
  }

  applyMembership(change: MembershipChange, index: LogIndex): void {
    const { before, after } = this.#observe(() => {
      this.#core.applyMembership(change, index)
    })
    const { id, term, configuration } = after
    this.#journal.info(`${id} switched to configuration ${describeConfiguration(configuration)}`)
    if (before.role === 'leader' && after.role !== 'leader') {
      this.#journal.info(`${id} became follower at term ${term}`)
    }
  }

  acknowledge(acknowledgement: Acknowledgement): void {
    this.#observe(() => {
      this.#core.acknowledge(acknowledgement)
    })
  }

  acknowledgeApplied(index: LogIndex): void {
    const { before, after } = this.#observe(() => {
      this.#core.acknowledgeApplied(index)
    })
    if (after.lastIndex === before.lastIndex) return
    const configuration = describeConfiguration(after.configuration)
    this.#journal.info(
      `initiating automatic transition out of joint configuration ${configuration}`,
    )
  }

  /** A follower of `term` has forwarded a request to hand leadership over to `from`.
   *  @returns whether that is still the term. */
  takesTransfer(term: number, from: ReplicaId): boolean {
    return this.#isOfTerm(term, 'MsgTransferLeader', from)
  }

  transferLeadership(to: ReplicaId): void {
    const { result, before, after } = this.#observe(() => this.#core.transferLeadership(to))
    this.#leader.sayTransfer(result, { to, before, after })
  }

  reportUnreachable(to: ReplicaId): void {
    const { after } = this.#observe(() => {
      this.#core.reportUnreachable(to)
    })
    this.#leader.sayUnreachable(after, to)
  }

  /** A range of the log. */
  entries(firstIndex: LogIndex, lastIndex: LogIndex): EntryRange {
    return this.#core.entries(firstIndex, lastIndex)
  }

  noteSnapshot(snapshot: SnapshotDescription): void {
    this.#core.noteSnapshot(snapshot)
  }

  compactBefore(index: LogIndex): void {
    this.#core.compactBefore(index)
    this.#log.refresh(this.#core)
  }

  rearmElectionTimer(): void {
    this.#core.rearmElectionTimer()
  }

  /** Whether storage has entries to confirm. */
  get hasUnstable(): boolean {
    return this.#log.hasUnstable
  }

  /** Storage confirms, by a message of `term`, that it holds the log up to (lastIndex, lastTerm). */
  noteStored(term: number, [lastTerm, lastIndex]: readonly [number, number]): void {
    const { id, term: current } = this.#core.status()
    if (term >= current) {
      this.#log.noteStored(lastIndex, lastTerm)
      return
    }
    const what = `a MsgStorageAppendResp message with lower term [term: ${term}]`
    this.#journal.info(`${id} [term: ${current}] ignored entry appends from ${what}`)
  }

  /** A batch that this core proposed as a leader of `term` is stored.
   *  @returns whether that is still its term. */
  noteOwnStored(term: number): boolean {
    return this.#isOfTerm(term, 'MsgAppResp', this.#core.status().id)
  }

  /** Lets something happen, and notes what it did to the log and to the followers. */
  #observe<Result>(act: () => Result): {
    readonly result: Result
    readonly before: CoreStatus
    readonly after: CoreStatus
  } {
    const before = this.#core.status()
    const result = act()
    const after = this.#core.status()
    this.#leader.saySnapshots(before, after)
    this.#log.refresh(this.#core)
    return { result, before, after }
  }

  #isOfTerm(term: number, name: string, from: ReplicaId): boolean {
    const { id, term: current } = this.#core.status()
    if (term >= current) return true
    const what = `a ${name} message with lower term from ${from} [term: ${term}]`
    this.#journal.info(`${id} [term: ${current}] ignored ${what}`)
    return false
  }

  #sayMade(): void {
    const { id, term, commitIndex, appliedIndex, lastIndex, lastTerm, configuration } =
      this.#core.status()
    const peers = `[peers: [${configuration.incoming.join(',')}], term: ${term}, commit: ${commitIndex}`
    const log = `applied: ${appliedIndex}, lastindex: ${lastIndex}, lastterm: ${lastTerm}]`
    this.#journal.info(`${id} switched to configuration ${describeConfiguration(configuration)}`)
    this.#journal.info(`${id} became follower at term ${term}`)
    this.#journal.info(`newRaft ${id} ${peers}, ${log}`)
  }

  #sayDropped({ id, role, leader, term, transferee }: CoreStatus): void {
    if (role !== 'leader' && leader === 0) {
      this.#journal.info(`${id} no leader at term ${term}; dropping proposal`)
    } else if (transferee !== 0) {
      const transfer = `transfer leadership to ${transferee} is in progress`
      this.#journal.debug(`${id} [term ${term}] ${transfer}; dropping proposal`)
    }
  }
}
