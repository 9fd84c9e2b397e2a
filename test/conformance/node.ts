import {
  asIndex,
  asReplica,
  asTerm,
  noReplica,
  type LogIndex,
  type ReplicaId,
} from '../../src/base/ids.js'
import type { Random } from '../../src/base/random.js'
import type { Message } from '../../src/raft/messages.js'
import type { CoreOptions, HardState, Ready, SnapshotDescription } from '../../src/raft/ready.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { describeReady, listEntries, type ScriptEntry } from './describe.js'
import type { Journal } from './journal.js'
import type { Payloads } from './payloads.js'
import { ScriptCore } from './script-core.js'
import {
  appendWork,
  applyWork,
  describeWork,
  parcelOf,
  type OwnBatch,
  type Parcel,
  type StorageWork,
} from './storage-threads.js'

/** What `add-nodes` sets. */
export interface NodeSettings {
  readonly voters: readonly number[]
  readonly learners: readonly number[]
  /** The index of the snapshot that the storage starts with, of term 1. */
  readonly index: number
  readonly asyncStorage: boolean
  /** A follower does not forget its leader. */
  readonly leaseBasedReads: boolean
  readonly electionTicks: number
  readonly heartbeatTicks: number
  readonly limits: Partial<CoreOptions>
}

/** The longest election timeout that a script can ask for. */
const electionTicksMax = 1000

/** Where a script sets no limit there is none. */
const unlimited: Partial<CoreOptions> = {
  appendBytesMax: Number.MAX_SAFE_INTEGER,
  appendEntriesMax: Number.MAX_SAFE_INTEGER,
  inflightMessagesMax: 2 ** 31 - 1,
  inflightBytesMax: 0,
  uncommittedBytesMax: 0,
  committedBytesMax: Number.MAX_SAFE_INTEGER,
  applyingBytesMax: Number.MAX_SAFE_INTEGER,
}

/** A source that always gives the timeout that a script asks for: the shortest, if it does not ask. */
class ScriptedRandom implements Random {
  readonly #electionTicksMin: number
  ticks: number

  constructor(electionTicksMin: number) {
    this.#electionTicksMin = electionTicksMin
    this.ticks = electionTicksMin
  }

  nextUint32(): number {
    const count = electionTicksMax - this.#electionTicksMin + 1
    const share = (this.ticks - this.#electionTicksMin + 0.5) / count
    return Math.floor(Math.min(share, 0.9999) * 2 ** 32)
  }
}

/** One core of a script with its in-memory storage. */
export class ScriptNode {
  readonly id: ReplicaId
  readonly core: ScriptCore
  /** The entries in storage; the first follows the snapshot. */
  readonly stored: ScriptEntry[] = []
  readonly appendWork: StorageWork[] = []
  readonly applyWork: StorageWork[] = []
  readonly settings: NodeSettings
  readonly #outbox: Parcel[] = []
  readonly #ownBatches: OwnBatch[] = []
  #snapshotIndex: number
  #electionState = '0/0'
  readonly #random: ScriptedRandom
  readonly #payloads: Payloads

  constructor(
    id: number,
    settings: NodeSettings,
    shared: { readonly payloads: Payloads; readonly journal: Journal },
  ) {
    const { voters, learners, index, asyncStorage, electionTicks, limits } = settings
    this.settings = settings
    this.#random = new ScriptedRandom(electionTicks)
    this.id = asReplica(id)
    this.#snapshotIndex = index
    this.#payloads = shared.payloads
    const options: CoreOptions = {
      id: this.id,
      voters: voters.map(asReplica),
      learners: learners.map(asReplica),
      random: this.#random,
      preVote: false,
      checkQuorum: false,
      electionTicksMin: electionTicks,
      electionTicksMax,
      heartbeatTicks: settings.heartbeatTicks,
      applyBeforeDurable: !asyncStorage,
      stepDownOnRemoval: false,
      leaderTicksMin: 0,
      membershipGuard: 'pending',
      ...unlimited,
      ...limits,
      recovered: {
        hardState: { term: asTerm(0), vote: noReplica, commitIndex: asIndex(index) },
        appliedIndex: asIndex(index),
        entries: {
          firstIndex: asIndex(index + 1),
          lastIndex: asIndex(index),
          prevTerm: asTerm(index > 0 ? 1 : 0),
          runs: [],
          byteLengths: new Uint32Array(0),
        },
      },
    }
    this.core = new ScriptCore(options, shared.journal)
    if (index > 0) this.core.noteSnapshot(this.#snapshotAt(index, 1))
  }

  /** Sets the randomized timeout that is in force until the next one is drawn. The time that has passed counts. */
  setElectionTimeout(ticks: number): void {
    const { role, electionElapsedTicks } = this.core.status()
    this.#random.ticks = ticks
    if (role === 'leader') return
    this.core.rearmElectionTimer()
    this.tick(Math.min(electionElapsedTicks, ticks - 1))
  }

  tick(count: number): void {
    for (let passed = 0; passed < count; passed++) this.core.tick()
  }

  /** Lets a message leave with the next Ready that is not one of the core's. */
  send(parcel: Parcel): void {
    this.#outbox.push(parcel)
  }

  hasReady(): boolean {
    return this.#outbox.length > 0 || this.core.hasReady()
  }

  /** Notes a batch that this node has proposed. */
  noteProposal(batch: OwnBatch): void {
    this.#ownBatches.push(batch)
  }

  /** Takes one Ready, and does it at once, or gives it to the storage threads.
   *  @returns what it shows, and what leaves for other nodes. */
  processReady(): { readonly text: string; readonly parcels: readonly Parcel[] } {
    const ready = this.core.takeReady()
    const entries = ready.entries ? listEntries(ready.entries, this.#payloads) : []
    const ownBatches = this.#ownBatches.splice(0)
    return this.settings.asyncStorage
      ? this.#hand(ready, entries, ownBatches)
      : this.#doAtOnce(ready, entries, ownBatches)
  }

  /** The newest snapshot of this node's storage: of everything that it has applied. */
  get snapshot(): SnapshotDescription | undefined {
    const { appliedIndex } = this.core.status()
    const term = this.stored.find(({ index }) => index === Number(appliedIndex))?.term ?? 1
    return appliedIndex === 0 ? undefined : this.#snapshotAt(appliedIndex, term)
  }

  /** The first index in storage. */
  get firstIndex(): number {
    return this.#snapshotIndex + 1
  }

  /** How many appends to a follower may be unanswered. */
  get inflightMessagesMax(): number {
    return this.settings.limits.inflightMessagesMax ?? Infinity
  }

  /** Drops the entries up to `index` from the storage.
   *  @throws Error for entries that are not there. */
  compact(index: number): void {
    const lastIndex = this.#snapshotIndex + this.stored.length
    if (index <= this.#snapshotIndex) {
      throw new Error('requested index is unavailable due to compaction')
    }
    if (index > lastIndex)
      throw new Error(`compact ${index} is out of bound lastindex(${lastIndex})`)
    this.core.compactBefore(asIndex(index + 1))
    this.stored.splice(0, index - this.#snapshotIndex)
    this.#snapshotIndex = index
  }

  #doAtOnce(ready: Ready, entries: readonly ScriptEntry[], ownBatches: readonly OwnBatch[]) {
    const { hasUnstable } = this.core
    const { term, lastTerm, lastIndex } = this.core.status()
    this.#store(ready, entries)
    const all = [...ready.messages, ...ready.messagesAfterPersist]
    const others = (messages: readonly Message[]): Parcel[] =>
      messages.filter(({ to }) => to !== this.id).map((message) => this.#parcelOf(message))
    const parcels = [
      ...others(ready.messages),
      ...this.#outbox.splice(0),
      ...others(ready.messagesAfterPersist),
    ]
    const messages = parcels.map((parcel) => parcel.text)
    const committed = this.#committedOf(ready)
    const mustSync = this.#mustSync(ready)
    const text = describeReady(ready, { entries, committed, messages, mustSync })
    if (ready.snapshot) this.core.acknowledgeApplied(ready.snapshot.index)
    this.#apply(committed)
    for (const message of all) if (message.to === this.id) this.core.step(message)
    for (const batch of ownBatches) this.core.noteOwnStored(batch.term)
    if (hasUnstable) this.core.noteStored(term, [lastTerm, lastIndex])
    if (ready.acknowledgement) this.core.acknowledge(ready.acknowledgement)
    if (ready.committed) this.#applied(ready.committed.lastIndex)
    return { text, parcels }
  }

  #hand(ready: Ready, entries: readonly ScriptEntry[], ownBatches: readonly OwnBatch[]) {
    const committed = this.#committedOf(ready)
    const given = { ready, entries, committed, ownBatches }
    const store = (): void => {
      this.#store(ready, entries)
      if (ready.snapshot) this.core.acknowledgeApplied(ready.snapshot.index)
    }
    const append = appendWork(this.core, given, store, this.#payloads)
    const apply = applyWork(this.id, given, {
      apply: () => this.#apply(committed),
      applied: (index) => this.#applied(index),
    })
    if (append) this.appendWork.push(append)
    if (apply) this.applyWork.push(apply)
    const parcels = [
      ...ready.messages.map((message) => this.#parcelOf(message)),
      ...this.#outbox.splice(0),
    ]
    const works = [append, apply].flatMap((work) => (work ? [describeWork(work)] : []))
    const messages = [...parcels.map((parcel) => parcel.text), ...works]
    const mustSync = this.#mustSync(ready)
    return { text: describeReady(ready, { entries, committed, messages, mustSync }), parcels }
  }

  #parcelOf(message: Message): Parcel {
    return parcelOf(message, this.#payloads)
  }

  /** The scripts' own core does not count a snapshot: it is synced by other means. */
  #mustSync({ hardState, entries }: Ready): boolean {
    const before = this.#electionState
    if (hardState) this.#electionState = describeElection(hardState)
    return entries !== undefined || before !== this.#electionState
  }

  #store({ snapshot, truncateFrom }: Ready, entries: readonly ScriptEntry[]): void {
    if (snapshot !== undefined) {
      this.stored.length = 0
      this.#snapshotIndex = snapshot.index
    }
    if (truncateFrom !== undefined) this.stored.length = truncateFrom - 1 - this.#snapshotIndex
    this.stored.push(...entries)
  }

  #apply(committed: readonly ScriptEntry[]): void {
    for (const { term, index, kind } of committed) {
      if (kind !== entryKinds.membership) continue
      this.core.applyMembership(this.#payloads.changeAt(term, index).change, asIndex(index))
    }
  }

  #applied(index: LogIndex): void {
    this.core.acknowledgeApplied(index)
    if (this.snapshot) this.core.noteSnapshot(this.snapshot)
  }

  #snapshotAt(index: number, term: number): SnapshotDescription {
    const { configuration } = this.core.status()
    return { index: asIndex(index), term: asTerm(term), configuration }
  }

  #committedOf({ committed }: Ready): ScriptEntry[] {
    if (committed === undefined) return []
    const { firstIndex, lastIndex } = committed
    return listEntries(this.core.entries(firstIndex, lastIndex), this.#payloads)
  }
}

const describeElection = ({ term, vote }: HardState): string => `${term}/${vote}`
