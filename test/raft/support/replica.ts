import { asIndex, asReplica, asTerm, type ReplicaId } from '../../../src/base/ids.js'
import { SeededRandom } from '../../../src/base/random.js'
import { Core } from '../../../src/raft/core.js'
import { entryKinds } from '../../../src/raft/entry-range.js'
import { forcedChange } from '../../../src/raft/forced-configuration.js'
import type { MembershipTransition } from '../../../src/raft/membership.js'
import type { Message } from '../../../src/raft/messages.js'
import type { CoreOptions, Ready, ReadState } from '../../../src/raft/ready.js'
import { changeOf } from './changes.js'
import { Contents } from './contents.js'
import { MemoryDisk, type StoredEntry } from './disk.js'

export type CoreSettings = Partial<Omit<CoreOptions, 'id' | 'voters'>>

interface PendingWrite {
  readonly ready: Ready
  /** Whether term or vote change with it: no message may leave before it is durable. */
  readonly changesElectionState: boolean
  /** Messages that may leave once this write is durable. */
  readonly released: Message[]
}

/** A core with a disk whose writes complete when the test says so, and the order rule of Ready. */
export class TestReplica {
  readonly id: ReplicaId
  readonly disk: MemoryDisk
  core: Core
  /** Messages that may leave. */
  outgoing: Message[] = []
  /** Every entry that was given to the state machine, in order, since the last start. */
  applied: { readonly index: number; readonly entry: StoredEntry }[] = []
  readStates: ReadState[] = []
  droppedReads: number[] = []
  /** How many snapshots took the place of its log. */
  restoredCount = 0
  readonly pendingWrites: PendingWrite[] = []
  readonly #voters: readonly ReplicaId[]
  readonly #settings: CoreSettings
  readonly #contents: Contents

  constructor(
    id: number,
    voters: readonly number[],
    settings: CoreSettings,
    { disk = new MemoryDisk(), contents = new Contents() } = {},
  ) {
    this.#contents = contents
    this.id = asReplica(id)
    this.disk = disk
    this.#voters = voters.map(asReplica)
    this.#settings = settings
    this.core = this.#boot()
  }

  get role(): string {
    return this.core.status().role
  }

  get isLeader(): boolean {
    return this.role === 'leader'
  }

  /** Whether a vote or a term is handed out and not durable. */
  get hasVoteInFlight(): boolean {
    return this.pendingWrites.some((write) => write.changesElectionState)
  }

  step(message: Message): void {
    this.core.step(message)
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) this.core.tick()
  }

  propose(...byteLengths: number[]): ReturnType<Core['propose']> {
    return this.core.propose(0, Uint32Array.from(byteLengths))
  }

  /** Proposes what `text` says, as in 'v2 l3 r1': voters, learners, removals.
   *  @param transition auto unless given. */
  proposeChange(
    text: string,
    transition: MembershipTransition = 'auto',
  ): ReturnType<Core['proposeMembership']> {
    const change = changeOf(text, transition)
    const result = this.core.proposeMembership(change, 42)
    if (result.kind === 'accepted') this.#contents.putChange(result.term, result.lastIndex, change)
    return result
  }

  /** Makes a snapshot of everything applied, and compacts the log up to it. */
  takeSnapshot(): void {
    const { appliedIndex: index, configuration, durableIndex } = this.core.status()
    const term = this.applied.at(-1)?.entry.term ?? 0
    if (index === 0 || durableIndex < index) return
    const snapshot = { index, term: asTerm(term), configuration }
    this.#contents.putSnapshot(this.applied.map(({ entry }) => entry))
    this.disk.snapshot = snapshot
    this.core.noteSnapshot(snapshot)
    this.core.compactBefore(asIndex(index + 1))
  }

  /** Takes every Ready there is; writes stay pending. */
  takeReadies(): void {
    while (this.core.hasReady()) this.#execute(this.core.takeReady())
  }

  /** Completes the oldest pending write. */
  completeWrite(): void {
    const write = this.pendingWrites.shift()
    if (write === undefined) return
    const { snapshot } = write.ready
    this.disk.write(write.ready, this.#contents.coveredUpTo(snapshot?.index ?? 0))
    if (snapshot !== undefined) this.#restore(snapshot.index)
    if (write.ready.acknowledgement) this.core.acknowledge(write.ready.acknowledgement)
    this.#release(write.released)
  }

  /** Takes every Ready and completes every write, until nothing is left to do. */
  settle(): void {
    this.takeReadies()
    while (this.pendingWrites.length > 0 || this.core.hasReady()) {
      this.completeWrite()
      this.takeReadies()
    }
  }

  takeOutgoing(): Message[] {
    const outgoing = this.outgoing
    this.outgoing = []
    return outgoing
  }

  /** Loses everything that is not on disk, and starts again. */
  crash(): void {
    this.pendingWrites.length = 0
    this.outgoing = []
    this.readStates = []
    this.droppedReads = []
    this.core = this.#boot()
  }

  /** Starts again with a log at whose end it was made the only voter. */
  force(epoch: number): void {
    const { disk, id } = this
    const term = asTerm(disk.hardState.term + 1)
    disk.entries.push({ term, kind: entryKinds.membership, bytes: 50 })
    const commitIndex = asIndex(disk.lastIndex)
    disk.hardState = { term, vote: id, commitIndex }
    this.#contents.putChange(term, commitIndex, forcedChange(id, epoch))
    this.crash()
  }

  /** Loses its disk, too. */
  wipe(): void {
    this.disk.wipe()
    this.crash()
  }

  #boot(): Core {
    const random = this.#settings.random ?? new SeededRandom(this.id)
    const recovered = this.disk.recover()
    this.#loadCovered(recovered.appliedIndex)
    return new Core({
      leaderTicksMin: 0,
      ...this.#settings,
      id: this.id,
      voters: this.#voters,
      random,
      recovered,
    })
  }

  #execute(ready: Ready): void {
    const { hardState, committed } = ready
    const before = this.#lastElectionState()
    const changesElectionState =
      hardState !== undefined && (hardState.term !== before.term || hardState.vote !== before.vote)
    if (ready.mustSync || hardState !== undefined) {
      this.pendingWrites.push({ ready, changesElectionState, released: [] })
    }
    this.#releaseAfter(this.#lastElectionWrite(), ready.messages)
    this.#releaseAfter(this.pendingWrites.at(-1), ready.messagesAfterPersist)
    this.readStates.push(...ready.readStates)
    this.droppedReads.push(...ready.droppedReads)
    if (committed) this.#apply(committed.firstIndex, committed.lastIndex)
  }

  #restore(index: number): void {
    this.restoredCount += 1
    this.#loadCovered(index)
    this.core.acknowledgeApplied(asIndex(index))
  }

  /** The state machine starts from what the snapshot on disk covers. */
  #loadCovered(index: number): void {
    const covered = this.disk.entries.slice(0, index)
    this.applied = covered.map((entry, position) => ({ index: position + 1, entry }))
  }

  #apply(firstIndex: number, lastIndex: number): void {
    const { runs, byteLengths } = this.core.entries(firstIndex as never, lastIndex as never)
    let index = firstIndex
    for (const { term, kind, count } of runs) {
      for (let i = 0; i < count; i++, index++) {
        const bytes = byteLengths[index - firstIndex] ?? 0
        this.applied.push({ index, entry: { term, kind, bytes } })
        if (kind !== entryKinds.membership) continue
        this.core.applyMembership(this.#contents.changeAt(term, index), asIndex(index))
      }
    }
    this.core.acknowledgeApplied(lastIndex as never)
  }

  #lastElectionState(): { term: number; vote: number } {
    const pending = this.pendingWrites.findLast((write) => write.ready.hardState !== undefined)
    return pending?.ready.hardState ?? this.disk.hardState
  }

  #lastElectionWrite(): PendingWrite | undefined {
    return this.pendingWrites.findLast((write) => write.changesElectionState)
  }

  #releaseAfter(write: PendingWrite | undefined, messages: readonly Message[]): void {
    if (write === undefined) this.#release(messages)
    else write.released.push(...messages)
  }

  #release(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.id) this.core.step(message)
      else this.outgoing.push(message)
    }
  }
}
