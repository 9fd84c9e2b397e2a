import { asIndex, asReplica, asTerm, noReplica, type ReplicaId } from '../../src/base/ids.js'
import type { Random } from '../../src/base/random.js'
import { Core } from '../../src/raft/core.js'
import type { Message } from '../../src/raft/messages.js'
import type { CoreOptions } from '../../src/raft/ready.js'
import {
  describeMessage,
  describeReady,
  listEntries,
  type PayloadLookup,
  type ScriptEntry,
} from './describe.js'

/** What `add-nodes` sets. */
export interface NodeSettings {
  readonly voters: readonly number[]
  /** The index of the snapshot that the storage starts with, of term 1. */
  readonly index: number
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
  readonly #snapshotIndex: number
  readonly #random = new ScriptedRandom()
  readonly #payloadOf: PayloadLookup

  constructor(id: number, { voters, index, limits }: NodeSettings, payloadOf: PayloadLookup) {
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

  /** Persists and applies one Ready at once.
   *  @returns what it shows, and the messages for others. */
  processReady(): { readonly text: string; readonly messages: readonly Message[] } {
    const ready = this.core.takeReady()
    const entries = ready.entries ? listEntries(ready.entries, this.#payloadOf) : []
    const { truncateFrom, committed } = ready
    if (truncateFrom !== undefined) this.stored.length = truncateFrom - 1 - this.#snapshotIndex
    this.stored.push(...entries)
    const applied = committed ? this.#read(committed.firstIndex, committed.lastIndex) : []
    const all = [...ready.messages, ...ready.messagesAfterPersist]
    const messages = all.filter(({ to }) => to !== this.id)
    const texts = messages.map((message) => describeMessage(message, this.#payloadOf))
    const text = describeReady(ready, { entries, committed: applied, messages: texts })
    if (committed) this.core.acknowledgeApplied(committed.lastIndex)
    if (ready.acknowledgement) this.core.acknowledge(ready.acknowledgement)
    for (const message of all) if (message.to === this.id) this.core.step(message)
    return { text, messages }
  }

  #read(firstIndex: number, lastIndex: number): ScriptEntry[] {
    const first = firstIndex - this.#snapshotIndex - 1
    return this.stored.slice(first, lastIndex - this.#snapshotIndex)
  }
}
