import { SeededRandom } from '../../../src/base/random.js'
import type { Message } from '../../../src/raft/messages.js'
import { SafetyChecker } from './checker.js'
import { Contents } from './contents.js'
import { TestReplica, type CoreSettings } from './replica.js'

/** Length of a tick, microseconds. */
export const tickUs = 10_000

/** How fast the parts of a cluster are. */
export interface Speed {
  /** Microseconds that a message takes on a link; messages of a link arrive in order. Undefined: it does not arrive. */
  readonly oneWayUs: (message: Message) => number | undefined
  /** Microseconds that the disk of a replica takes for a write; writes of a disk go one after the other. */
  readonly writeUs: (replica: number) => number
}

interface Event {
  readonly atUs: number
  readonly run: () => void
}

/** A few cores joined by links and disks that take their time, in simulated time. Equal seeds, equal runs. */
export class TimedCluster {
  readonly replicas: readonly TestReplica[]
  readonly #checker = new SafetyChecker()
  readonly #events = new EventQueue()
  readonly #disksFreeUs: number[]
  readonly #scheduledWrites: number[]
  #speed: Speed
  #nowUs = 0

  constructor(
    count: number,
    speed: Speed,
    { seed = 1, ...settings }: CoreSettings & { readonly seed?: number } = {},
  ) {
    const ids = Array.from({ length: count }, (_, position) => position + 1)
    const contents = new Contents()
    this.#speed = speed
    this.replicas = ids.map((id) => {
      const random = new SeededRandom(1_000 * seed + id)
      return new TestReplica(id, ids, { random, ...settings }, { contents })
    })
    this.#disksFreeUs = ids.map(() => 0)
    this.#scheduledWrites = ids.map(() => 0)
    for (const replica of this.replicas) this.#tickLater(replica)
  }

  get nowUs(): number {
    return this.#nowUs
  }

  replica(id: number): TestReplica {
    const replica = this.replicas[id - 1]
    if (replica === undefined) throw new Error(`no replica ${id}`)
    return replica
  }

  /** Who leads the newest term. */
  get leader(): TestReplica | undefined {
    const leaders = this.replicas.filter(({ isLeader }) => isLeader)
    return leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0]
  }

  /** Changes links and disks from here on. */
  setSpeed(speed: Partial<Speed>): this {
    this.#speed = { ...this.#speed, ...speed }
    return this
  }

  /** Does something at a time to come. */
  at(atUs: number, run: () => void): void {
    this.#events.add({ atUs, run })
  }

  /** Does something to a replica now, and everything that follows from it. */
  act(id: number, change: (replica: TestReplica) => void): void {
    const replica = this.replica(id)
    change(replica)
    this.#advance(replica)
  }

  /** Lets time pass until the condition holds.
   *  @returns whether it did within the time. */
  runUntil(isReached: () => boolean, { withinUs }: { readonly withinUs: number }): boolean {
    const endUs = this.#nowUs + withinUs
    while (!isReached()) {
      const event = this.#events.takeBefore(endUs)
      this.#nowUs = event?.atUs ?? endUs
      if (event === undefined) return isReached()
      event.run()
    }
    return true
  }

  /** Lets time pass. */
  run(durationUs: number): this {
    this.runUntil(() => false, { withinUs: durationUs })
    this.#checker.check(this.replicas)
    return this
  }

  #tickLater(replica: TestReplica): void {
    this.at(this.#nowUs + tickUs, () => {
      replica.tick(1)
      this.#advance(replica)
      this.#tickLater(replica)
    })
  }

  #advance(replica: TestReplica): void {
    replica.takeReadies()
    this.#scheduleWrites(replica)
    for (const message of replica.takeOutgoing()) this.#send(message)
  }

  #scheduleWrites(replica: TestReplica): void {
    const slot = replica.id - 1
    const scheduled = this.#scheduledWrites[slot] ?? 0
    for (let count = scheduled; count < replica.pendingWrites.length; count++) {
      // A commit index alone is not synced.
      const mustSync = replica.pendingWrites[count]?.ready.mustSync === true
      const writeUs = mustSync ? this.#speed.writeUs(replica.id) : 0
      const doneUs = Math.max(this.#nowUs, this.#disksFreeUs[slot] ?? 0) + writeUs
      this.#disksFreeUs[slot] = doneUs
      this.at(doneUs, () => {
        this.#scheduledWrites[slot]! -= 1
        replica.completeWrite()
        this.#advance(replica)
      })
    }
    this.#scheduledWrites[slot] = replica.pendingWrites.length
  }

  #send(message: Message): void {
    const oneWayUs = this.#speed.oneWayUs(message)
    if (oneWayUs === undefined) return
    this.at(this.#nowUs + oneWayUs, () => {
      this.act(message.to, (replica) => {
        replica.step(message)
      })
    })
  }
}

/** Events by time; those of one time in the order in which they were added. A binary heap. */
class EventQueue {
  readonly #heap: (Event & { readonly order: number })[] = []
  #added = 0

  add(event: Event): void {
    const heap = this.#heap
    heap.push({ ...event, order: this.#added++ })
    for (let slot = heap.length - 1; slot > 0;) {
      const parent = (slot - 1) >> 1
      if (!this.#isBefore(slot, parent)) return
      this.#swap(slot, parent)
      slot = parent
    }
  }

  /** The earliest event, unless it is after `endUs`. */
  takeBefore(endUs: number): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.atUs > endUs) return undefined
    this.#swap(0, heap.length - 1)
    heap.pop()
    this.#sink()
    return first
  }

  #sink(): void {
    for (let slot = 0; ;) {
      const [left, right] = [2 * slot + 1, 2 * slot + 2]
      let least = slot
      if (left < this.#heap.length && this.#isBefore(left, least)) least = left
      if (right < this.#heap.length && this.#isBefore(right, least)) least = right
      if (least === slot) return
      this.#swap(slot, least)
      slot = least
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a]!, this.#heap[b]!]
    return first.atUs < second.atUs || (first.atUs === second.atUs && first.order < second.order)
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a]!
    this.#heap[a] = this.#heap[b]!
    this.#heap[b] = kept
  }
}
