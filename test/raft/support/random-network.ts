import { asIndex } from '../../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../../src/base/random.js'
import type { Message } from '../../../src/raft/messages.js'
import { SafetyChecker } from './checker.js'
import { TestReplica } from './replica.js'

type Fault = 'lost' | 'duplicated' | 'reordered' | 'partitioned' | 'crashed' | 'compacted'

/** How often each fault, and each success, happened in a run. */
export interface RunReport {
  readonly faults: Record<Fault, number>
  readonly elections: number
  readonly committed: number
  readonly reads: number
}

const livenessTicks = 600

/** A cluster on an unreliable network and disks of their own speed, driven by one seed: equal seeds, equal runs. */
export class RandomNetwork {
  readonly #random: SeededRandom
  readonly #replicas: readonly TestReplica[]
  readonly #checker = new SafetyChecker()
  readonly #faults = {
    lost: 0,
    duplicated: 0,
    reordered: 0,
    partitioned: 0,
    crashed: 0,
    compacted: 0,
  }
  /** The commit index that a read must see at least, by its context. */
  readonly #readFloors = new Map<number, number>()
  #inFlight: Message[] = []
  /** Replicas in different groups do not hear each other. */
  #groups: number[]
  #readCount = 0
  /** How often, of 1000 events, a replica crashes, or campaigns without reason: some runs are calm, some wild. */
  readonly #crashShare: number
  readonly #campaignShare: number

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    this.#crashShare = this.#between(0, 6)
    this.#campaignShare = this.#between(0, 5)
    const count = this.#between(0, 1) === 0 ? 3 : 5
    const ids = Array.from({ length: count }, (_, position) => position + 1)
    const settings = {
      preVote: this.#between(0, 1) > 0,
      checkQuorum: this.#between(0, 1) > 0,
      appendBytesMax: 200,
      inflightMessagesMax: 4,
      uncommittedBytesMax: 5000,
      committedBytesMax: 300,
      applyBeforeDurable: this.#between(0, 1) === 0,
    }
    const random = new SeededRandom(seed + 1)
    this.#replicas = ids.map((id) => new TestReplica(id, ids, { ...settings, random }))
    this.#groups = ids.map(() => 0)
  }

  /** Runs `steps` random events, then heals everything and requires progress.
   *  @throws Error when a safety property breaks or nothing is committed after the healing. */
  run(steps: number): RunReport {
    for (let step = 0; step < steps; step++) {
      this.#event()
      if (step % 50 === 0) this.#checker.check(this.#replicas)
    }
    this.#requireProgress()
    this.#checker.check(this.#replicas)
    return {
      faults: this.#faults,
      elections: Math.max(...this.#replicas.map(({ core }) => core.status().term)),
      committed: Math.max(...this.#replicas.map(({ core }) => core.status().commitIndex)),
      reads: this.#readCount,
    }
  }

  #event(): void {
    const dice = this.#between(0, 999)
    const replica = this.#pick(this.#replicas)
    if (dice < 450) this.#deliverOne()
    else if (dice < 600) replica.tick(1)
    else if (dice < 800) replica.completeWrite()
    else if (dice < 930) this.#propose(replica)
    else if (dice < 980) this.#read(replica)
    else if (dice < 988) this.#repartition()
    else if (dice < 988 + this.#crashShare) this.#crash(replica)
    else if (dice < 988 + this.#crashShare + this.#campaignShare) replica.core.campaign()
    else if (dice === 999) this.#compact(replica)
    this.#advance(replica)
  }

  /** Takes what a replica has to say, and checks it. */
  #advance(replica: TestReplica): void {
    replica.takeReadies()
    this.#inFlight.push(...replica.takeOutgoing())
    this.#checker.checkReplica(replica, this.#replicas)
    for (const { context, index } of replica.readStates.splice(0)) {
      const floor = this.#readFloors.get(context) ?? 0
      if (index < floor) throw new Error(`a stale read: ${index} of ${floor}`)
      this.#readCount++
    }
  }

  #deliverOne(): void {
    if (this.#inFlight.length === 0) return
    const position = this.#between(0, Math.min(this.#inFlight.length - 1, 20))
    const message = this.#inFlight[position] as Message
    if (position > 0) this.#faults.reordered++
    const fate = this.#between(0, 99)
    if (fate < 85) this.#inFlight.splice(position, 1)
    else if (fate < 95) this.#faults.duplicated++
    if (fate >= 95) {
      this.#faults.lost++
      this.#inFlight.splice(position, 1)
    } else this.#deliver(message)
  }

  #deliver(message: Message): void {
    if (this.#groups[message.from - 1] !== this.#groups[message.to - 1]) return
    const replica = this.#replicas[message.to - 1] as TestReplica
    replica.step(message)
    this.#advance(replica)
  }

  #propose(replica: TestReplica): void {
    const sizes = Array.from({ length: this.#between(1, 4) }, () => this.#between(33, 150))
    replica.propose(...sizes)
  }

  /** A linearizable read must see whatever anybody knew to be committed when it was asked. */
  #read(replica: TestReplica): void {
    const floor = Math.max(...this.#replicas.map(({ core }) => core.status().commitIndex))
    const context = this.#readFloors.size + 1
    this.#readFloors.set(context, floor)
    replica.core.readIndex(context)
  }

  #repartition(): void {
    this.#faults.partitioned++
    const whole = this.#between(0, 2) === 0
    this.#groups = this.#groups.map(() => (whole ? 0 : this.#between(0, 1)))
  }

  #crash(replica: TestReplica): void {
    this.#faults.crashed++
    replica.crash()
    this.#checker.forget(replica.id)
  }

  /** Compacts what every replica has on disk: no snapshot can bring it to one that lacks it. */
  #compact(replica: TestReplica): void {
    const matched = this.#replicas.map(({ disk }) => disk.hardState.commitIndex)
    const { appliedIndex, durableIndex } = replica.core.status()
    const before = Math.min(...matched, appliedIndex, durableIndex)
    if (before < 1) return
    this.#faults.compacted++
    replica.core.compactBefore(asIndex(before))
  }

  #requireProgress(): void {
    this.#groups = this.#groups.map(() => 0)
    let target = { term: 0, index: Infinity }
    for (let ticks = 0; ticks < livenessTicks; ticks++) {
      for (const replica of this.#replicas) replica.tick(1)
      this.#quiesce()
      const result = this.#newestLeader()?.propose(40)
      if (result?.kind === 'accepted' && result.term > target.term) {
        target = { term: result.term, index: result.lastIndex }
      }
      if (this.#allApplied(target.index)) return
    }
    throw new Error(`nothing was committed within ${livenessTicks} ticks after the healing`)
  }

  #newestLeader(): TestReplica | undefined {
    const leaders = this.#replicas.filter((replica) => replica.isLeader)
    return leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0]
  }

  #allApplied(index: number): boolean {
    return this.#replicas.every(({ core }) => core.status().appliedIndex >= index)
  }

  /** Completes every write and delivers every message in order, for a bounded while. */
  #quiesce(): void {
    for (let round = 0; round < 20; round++) {
      for (const replica of this.#replicas) {
        replica.settle()
        this.#advance(replica)
      }
      const messages = this.#inFlight
      if (messages.length === 0) return
      this.#inFlight = []
      for (const message of messages) this.#deliver(message)
    }
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#between(0, items.length - 1)] as T
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#random, min, max)
  }
}
