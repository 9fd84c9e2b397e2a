import { asIndex, asReplica, asTerm, noReplica, type ReplicaId } from '../../src/base/ids.js'
import type { Random } from '../../src/base/random.js'
import { Core } from '../../src/raft/core.js'
import type { CoreOptions, Ready } from '../../src/raft/ready.js'
import { describeReady, listEntries, type PayloadLookup, type ScriptEntry } from './describe.js'
import {
  appendWork,
  applyWork,
  describeWork,
  parcelOf,
  sliceStored,
  type Parcel,
  type StorageWork,
} from './storage-threads.js'

/** What `add-nodes` sets. */
export interface NodeSettings {
  readonly voters: readonly number[]
  /** The index of the snapshot that the storage starts with, of term 1. */
  readonly index: number
  readonly asyncStorage: boolean
  readonly limits: Partial<CoreOptions>
}

/** The timing that the scripts assume. */
export const scriptTicks = { electionTicks: 3, heartbeatTicks: 1 }

/** A source that always gives the timeout that a script asks for. */
class ScriptedRandom implements Random {
  ticks = scriptTicks.electionTicks

  nextUint32(): number {
    const { electionTicks } = scriptTicks
    const share = (this.ticks - electionTicks + 0.5) / electionTicks
    return Math.floor(Math.min(share, 0.999) * 2 ** 32)
  }
}

/** One core of a script with its in-memory storage. */
export class ScriptNode {
  readonly id: ReplicaId
  readonly core: Core
  /** The entries in storage; the first follows the snapshot. */
  readonly stored: ScriptEntry[] = []
  readonly appendWork: StorageWork[] = []
  readonly applyWork: StorageWork[] = []
  readonly #asyncStorage: boolean
  readonly #ownBatches: number[] = []
  readonly #snapshotIndex: number
  readonly #random = new ScriptedRandom()
  readonly #payloadOf: PayloadLookup

  constructor(id: number, settings: NodeSettings, payloadOf: PayloadLookup) {
    const { voters, index, asyncStorage, limits } = settings
    this.#asyncStorage = asyncStorage
    this.id = asReplica(id)
    this.#snapshotIndex = index
    this.#payloadOf = payloadOf
    this.core = new Core({
      id: this.id,
      voters: voters.map(asReplica),
      random: this.#random,
      preVote: false,
      checkQuorum: false,
      electionTicksMin: scriptTicks.electionTicks,
      electionTicksMax: scriptTicks.electionTicks * 2 - 1,
      heartbeatTicks: scriptTicks.heartbeatTicks,
      applyBeforeDurable: !asyncStorage,
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
    })
  }

  /** Sets the randomized timeout that is in force until the next one is drawn. */
  setElectionTimeout(ticks: number): void {
    this.#random.ticks = ticks
    this.core.rearmElectionTimer()
  }

  /** Notes a batch that this node has proposed. */
  noteProposal(lastIndex: number): void {
    this.#ownBatches.push(lastIndex)
  }

  /** Takes one Ready, and does it at once, or gives it to the storage threads.
   *  @returns what it shows, and what leaves for other nodes. */
  processReady(): { readonly text: string; readonly parcels: readonly Parcel[] } {
    const ready = this.core.takeReady()
    const entries = ready.entries ? listEntries(ready.entries, this.#payloadOf) : []
    const ownBatches = this.#ownBatches.splice(0)
    return this.#asyncStorage
      ? this.#hand(ready, entries, ownBatches)
      : this.#doAtOnce(ready, entries)
  }

  #doAtOnce(ready: Ready, entries: readonly ScriptEntry[]) {
    this.#store(ready, entries)
    const all = [...ready.messages, ...ready.messagesAfterPersist]
    const parcels = all
      .filter(({ to }) => to !== this.id)
      .map((message) => parcelOf(message, this.#payloadOf))
    const messages = parcels.map((parcel) => parcel.text)
    const text = describeReady(ready, { entries, committed: this.#committedOf(ready), messages })
    if (ready.committed) this.core.acknowledgeApplied(ready.committed.lastIndex)
    if (ready.acknowledgement) this.core.acknowledge(ready.acknowledgement)
    for (const message of all) if (message.to === this.id) this.core.step(message)
    return { text, parcels }
  }

  #hand(ready: Ready, entries: readonly ScriptEntry[], ownBatches: readonly number[]) {
    const committed = this.#committedOf(ready)
    const given = { ready, entries, committed, ownBatches }
    const store = (): void => {
      this.#store(ready, entries)
    }
    const append = appendWork(this.core, given, store, this.#payloadOf)
    const apply = applyWork(this.id, given)
    if (append) this.appendWork.push(append)
    if (apply) this.applyWork.push(apply)
    const parcels = ready.messages.map((message) => parcelOf(message, this.#payloadOf))
    const works = [append, apply].flatMap((work) => (work ? [describeWork(work)] : []))
    const messages = [...parcels.map((parcel) => parcel.text), ...works]
    return { text: describeReady(ready, { entries, committed, messages }), parcels }
  }

  #store({ truncateFrom }: Ready, entries: readonly ScriptEntry[]): void {
    if (truncateFrom !== undefined) this.stored.length = truncateFrom - 1 - this.#snapshotIndex
    this.stored.push(...entries)
  }

  #committedOf({ committed }: Ready): ScriptEntry[] {
    return committed ? sliceStored(this.stored, this.#snapshotIndex, committed) : []
  }
}
