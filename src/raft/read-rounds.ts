import type { LogIndex, ReplicaId } from '../base/ids.js'
import { jointPosition } from './quorum.js'
import type { ReadState, VoterSets } from './ready.js'

/** A read, and the replica that asked for it. */
export interface Read {
  readonly context: number
  readonly from: ReplicaId
}

/** A read that may be served once `index` is applied. */
export interface ServedRead {
  readonly read: Read
  readonly index: LogIndex
}

interface Round {
  readonly number: number
  readonly index: LogIndex
  readonly reads: readonly Read[]
  startedTicks: number
}

/** Reads that wait until a quorum confirms the leadership (dissertation §6.4, ReadIndex).
 *
 *  All reads of one turn share one round of heartbeats. Round numbers only rise, within a leadership and
 *  across them, so a late answer to an earlier round or an earlier leadership never confirms a newer one. */
export class ReadRounds {
  readonly #self: ReplicaId
  #asked: Read[] = []
  #rounds: Round[] = []
  #lastNumber = 0
  readonly #confirmed = new Map<ReplicaId, number>()
  #states: ReadState[] = []
  /** Those of other replicas. */
  #answers: ServedRead[] = []
  #dropped: number[] = []
  #confirmedTicks = -Infinity

  constructor(self: ReplicaId) {
    this.#self = self
  }

  /** A read wants to be served. Of another replica only the newest request counts: its answer holds for the earlier ones. */
  ask(read: Read): void {
    const { from } = read
    if (from !== this.#self) this.#asked = this.#asked.filter((asked) => asked.from !== from)
    this.#asked.push(read)
  }

  get hasAsked(): boolean {
    return this.#asked.length > 0
  }

  /** When the newest round was started that a quorum has confirmed; -Infinity for none that counts. */
  get confirmedTicks(): number {
    return this.#confirmedTicks
  }

  /** A read is served at `index` without a round. */
  serve(read: Read, index: LogIndex): void {
    if (read.from === this.#self) this.#states.push({ context: read.context, index })
    else this.#answers.push({ read, index })
  }

  /** No round that was started so far says how long ago it was. Reads go on waiting for theirs: that is safe at any time. */
  expire(): void {
    this.#confirmedTicks = -Infinity
    for (const round of this.#rounds) round.startedTicks = -Infinity
  }

  get hasResults(): boolean {
    return this.#states.length + this.#answers.length + this.#dropped.length > 0
  }

  /** The newest round that is not confirmed; 0 for none. */
  get pendingRound(): number {
    return this.#rounds.at(-1)?.number ?? 0
  }

  /** The reads asked so far, for a round that starts now. */
  takeAsked(): readonly Read[] {
    const asked = this.#asked
    this.#asked = []
    return asked
  }

  /** Starts a round.
   *  @param index the commit index now: the reads must see at least this much. */
  startRound(reads: readonly Read[], index: LogIndex, startedTicks: number): void {
    this.#lastNumber++
    this.#rounds.push({ number: this.#lastNumber, index, reads, startedTicks })
    this.#confirmed.set(this.#self, this.#lastNumber)
  }

  /** A replica answered a heartbeat of a round: it saw no newer leader then. */
  confirm(id: ReplicaId, round: number): void {
    this.#confirmed.set(id, Math.max(round, this.#confirmed.get(id) ?? 0))
  }

  /** Releases the rounds that a quorum has confirmed. */
  release(voters: VoterSets): void {
    const confirmed = jointPosition(voters, (id) => this.#confirmed.get(id) ?? 0)
    while (this.#rounds[0] !== undefined && this.#rounds[0].number <= confirmed) {
      const { index, reads, startedTicks } = this.#rounds[0]
      this.#confirmedTicks = Math.max(this.#confirmedTicks, startedTicks)
      for (const read of reads) this.serve(read, index)
      this.#rounds.shift()
    }
  }

  /** Leadership ended: whoever waits must ask again elsewhere. Other replicas do so by themselves. */
  abandon(): void {
    const waiting = [...this.#rounds.flatMap(({ reads }) => reads), ...this.#asked]
    for (const { from, context } of waiting) if (from === this.#self) this.#dropped.push(context)
    this.#rounds = []
    this.#asked = []
    this.#confirmed.clear()
    this.#confirmedTicks = -Infinity
  }

  takeResults(): { readStates: ReadState[]; answers: ServedRead[]; droppedReads: number[] } {
    const results = {
      readStates: this.#states,
      answers: this.#answers,
      droppedReads: this.#dropped,
    }
    this.#states = []
    this.#answers = []
    this.#dropped = []
    return results
  }
}
