import type { LogIndex, ReplicaId } from '../base/ids.js'
import { jointPosition } from './quorum.js'
import type { ReadState, VoterSets } from './ready.js'

interface Round {
  readonly number: number
  readonly index: LogIndex
  readonly contexts: readonly number[]
  startedTicks: number
}

/** Reads that wait until a quorum confirms the leadership (dissertation §6.4, ReadIndex).
 *
 *  All reads of one turn share one round of heartbeats. Round numbers only rise, within a leadership and
 *  across them, so a late answer to an earlier round or an earlier leadership never confirms a newer one. */
export class ReadRounds {
  #asked: number[] = []
  #rounds: Round[] = []
  #lastNumber = 0
  readonly #confirmed = new Map<ReplicaId, number>()
  #states: ReadState[] = []
  #dropped: number[] = []
  #confirmedTicks = -Infinity

  /** A read wants to be served. */
  ask(context: number): void {
    this.#asked.push(context)
  }

  get hasAsked(): boolean {
    return this.#asked.length > 0
  }

  /** When the newest round was started that a quorum has confirmed; -Infinity for none that counts. */
  get confirmedTicks(): number {
    return this.#confirmedTicks
  }

  /** A read is served at `index` without a round. */
  serve(context: number, index: LogIndex): void {
    this.#states.push({ context, index })
  }

  /** No round that was started so far says how long ago it was. Reads go on waiting for theirs: that is safe at any time. */
  expire(): void {
    this.#confirmedTicks = -Infinity
    for (const round of this.#rounds) round.startedTicks = -Infinity
  }

  get hasResults(): boolean {
    return this.#states.length > 0 || this.#dropped.length > 0
  }

  /** The newest round that is not confirmed; 0 for none. */
  get pendingRound(): number {
    return this.#rounds.at(-1)?.number ?? 0
  }

  /** Starts a round for every read asked so far.
   *  @param index the commit index now: the reads must see at least this much. */
  startRound(self: ReplicaId, index: LogIndex, startedTicks: number): void {
    this.#lastNumber++
    this.#rounds.push({ number: this.#lastNumber, index, contexts: this.#asked, startedTicks })
    this.#asked = []
    this.#confirmed.set(self, this.#lastNumber)
  }

  /** A replica answered a heartbeat of a round: it saw no newer leader then. */
  confirm(id: ReplicaId, round: number): void {
    this.#confirmed.set(id, Math.max(round, this.#confirmed.get(id) ?? 0))
  }

  /** Releases the rounds that a quorum has confirmed. */
  release(voters: VoterSets): void {
    const confirmed = jointPosition(voters, (id) => this.#confirmed.get(id) ?? 0)
    while (this.#rounds[0] !== undefined && this.#rounds[0].number <= confirmed) {
      const { index, contexts, startedTicks } = this.#rounds[0]
      this.#confirmedTicks = Math.max(this.#confirmedTicks, startedTicks)
      for (const context of contexts) this.#states.push({ context, index })
      this.#rounds.shift()
    }
  }

  /** Leadership ended: whoever waits must ask again elsewhere. */
  abandon(): void {
    for (const round of this.#rounds) this.#dropped.push(...round.contexts)
    this.#dropped.push(...this.#asked)
    this.#rounds = []
    this.#asked = []
    this.#confirmed.clear()
    this.#confirmedTicks = -Infinity
  }

  takeResults(): { readStates: ReadState[]; droppedReads: number[] } {
    const results = { readStates: this.#states, droppedReads: this.#dropped }
    this.#states = []
    this.#dropped = []
    return results
  }
}
