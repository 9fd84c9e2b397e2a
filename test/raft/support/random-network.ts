import { SeededRandom, integerBetween } from '../../../src/base/random.js'
import { memberIds } from '../../../src/raft/membership.js'
import type { Message } from '../../../src/raft/messages.js'
import { SafetyChecker } from './checker.js'
import { Contents } from './contents.js'
import { TestReplica } from './replica.js'

type Fault =
  'lost' | 'duplicated' | 'reordered' | 'partitioned' | 'crashed' | 'crashedWithVote' | 'heldUp'

/** How often each fault, and each success, happened in a run. */
export interface RunReport {
  readonly faults: Record<Fault, number>
  readonly elections: number
  readonly committed: number
  readonly reads: number
  readonly compacted: number
  readonly changes: number
  readonly transfers: number
  readonly snapshotsSent: number
  readonly snapshotsInstalled: number
}

const livenessTicks = 600
/** Of so many deliveries one is that of a message that is held up. */
const heldUpDeliveries = 50

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
    crashedWithVote: 0,
    heldUp: 0,
  }
  readonly #counts = { reads: 0, compacted: 0, changes: 0, transfers: 0, snapshotsSent: 0 }
  /** The commit index that a read must see at least, by its context. */
  readonly #readFloors = new Map<number, number>()
  #inFlight: Message[] = []
  /** On their way since before the leader that they are for was cut off; they arrive late, and all the same. */
  readonly #heldUp: Message[] = []
  /** Replicas in different groups do not hear each other. */
  #groups: number[]
  /** How often, of 1000 events, a replica crashes, or campaigns without reason: some runs are calm, some wild. */
  readonly #crashShare: number
  readonly #campaignShare: number
  /** Few reads find a stale leader whose earlier rounds are all confirmed, many find rounds in every state. */
  readonly #readShare: number
  /** How often more than now and then the network falls apart or together: leaders follow each other that replicate little. */
  readonly #unrestShare: number
  /** Whether replicas come and go. */
  readonly #churn: boolean
  /** Out of 10 proposals, so many are changes of membership beyond the few of every run: joint phases at all times. */
  readonly #changeShare: number

  constructor(seed: number, { churn }: { readonly churn: boolean }) {
    this.#churn = churn
    this.#random = new SeededRandom(seed)
    this.#crashShare = this.#between(0, 6)
    this.#campaignShare = this.#between(0, 5)
    this.#readShare = this.#pick([4, 15, 65])
    this.#unrestShare = this.#pick([0, 10])
    this.#changeShare = churn ? this.#pick([0, 2, 6]) : 0
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
    const contents = new Contents()
    const voters = churn ? ids.slice(0, 3) : ids
    this.#replicas = ids.map(
      (id) => new TestReplica(id, voters, { ...settings, random }, { contents }),
    )
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
      ...this.#counts,
      snapshotsInstalled: this.#replicas.reduce((sum, { restoredCount }) => sum + restoredCount, 0),
    }
  }

  #event(): void {
    const dice = this.#between(0, 999)
    // What only leaders take goes to one of them, so that stale ones get their share.
    const replica = dice >= 800 && dice < 978 ? this.#anyLeader() : this.#pick(this.#replicas)
    if (dice < this.#unrestShare) this.#repartition()
    else if (dice < 450) this.#deliverOne()
    else if (dice < 600) replica.tick(4)
    else if (dice < 800) replica.completeWrite()
    else if (dice < 900 && this.#between(1, 10) <= this.#changeShare) this.#reconfigure(replica)
    else if (dice < 900) this.#propose(replica)
    else if (dice < 900 + this.#readShare) this.#read(replica)
    else if (dice < 965) this.#deliverOne()
    else if (dice < 975) this.#reconfigure(replica)
    else if (dice < 978) this.#transfer(replica)
    else if (dice < 982) this.#compact(replica)
    else if (dice < 985) this.#repartition()
    else if (dice < 985 + this.#crashShare) this.#crash(this.#voteInFlight() ?? replica)
    else if (dice < 985 + this.#crashShare + this.#campaignShare) replica.core.campaign()
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
      this.#counts.reads++
    }
  }

  #deliverOne(): void {
    if (this.#heldUp.length > 0 && this.#between(1, heldUpDeliveries) === 1) {
      this.#deliverLate(this.#heldUp.shift() as Message)
      return
    }
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
      if (message.kind === 'install-snapshot') this.#reportSnapshot(message, false)
    } else this.#deliver(message)
  }

  #deliverLate(message: Message): void {
    this.#faults.heldUp++
    const replica = this.#replicas[message.to - 1] as TestReplica
    replica.step(message)
    this.#advance(replica)
  }

  #deliver(message: Message): void {
    const connected = this.#groups[message.from - 1] === this.#groups[message.to - 1]
    const replica = this.#replicas[message.to - 1] as TestReplica
    if (connected) {
      replica.step(message)
      this.#advance(replica)
    }
    if (message.kind === 'install-snapshot') this.#reportSnapshot(message, connected)
  }

  /** Whoever sends the data of a snapshot learns whether they arrived. */
  #reportSnapshot({ from, to }: Message, delivered: boolean): void {
    this.#counts.snapshotsSent++
    const sender = this.#replicas[from - 1] as TestReplica
    sender.core.reportSnapshot(to, delivered ? 'delivered' : 'failed')
    this.#advance(sender)
  }

  /** One of those that take themselves for leaders, also when they are not any more; anybody when there is none. */
  #anyLeader(): TestReplica {
    const leaders = this.#replicas.filter((replica) => replica.isLeader)
    return this.#pick(leaders.length > 0 ? leaders : this.#replicas)
  }

  /** Somebody whose vote or term is not on disk yet. */
  #voteInFlight(): TestReplica | undefined {
    const voting = this.#replicas.filter((replica) => replica.hasVoteInFlight)
    if (voting.length === 0) return undefined
    this.#faults.crashedWithVote++
    return this.#pick(voting)
  }

  #reconfigure(replica: TestReplica): void {
    if (!this.#churn) return
    const words = Array.from({ length: this.#between(1, 3) }, () => {
      const kind = this.#pick(['v', 'v', 'l', 'r'])
      return `${kind}${this.#between(1, this.#replicas.length)}`
    })
    const text = this.#between(0, 4) === 0 ? '' : words.join(' ')
    const transition = this.#pick(['auto', 'auto', 'joint-implicit', 'joint-explicit'] as const)
    const result = replica.proposeChange(text, text === '' ? 'auto' : transition)
    if (result.kind === 'accepted') this.#counts.changes++
  }

  #transfer(replica: TestReplica): void {
    const result = replica.core.transferLeadership(this.#pick(this.#replicas).id)
    if (result.kind === 'started') this.#counts.transfers++
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
    const kind = this.#pick(['whole', 'split', 'deposed'] as const)
    if (kind === 'deposed') this.#depose(this.#anyLeader())
    else this.#groups = this.#groups.map(() => (kind === 'whole' ? 0 : this.#between(0, 1)))
  }

  /** Cuts one replica off, and lets the others look for a leader at once: two lead for a while, one of them in vain. What they
   *  have answered it before is late. */
  #depose(leader: TestReplica): void {
    this.#groups = this.#replicas.map(({ id }) => (id === leader.id ? 1 : 0))
    const others = this.#replicas.filter(({ id }) => id !== leader.id)
    const isLate = ({ to, kind }: Message): boolean =>
      to === leader.id && kind === 'heartbeat-response'
    this.#heldUp.push(...this.#inFlight.filter(isLate))
    this.#inFlight = this.#inFlight.filter((message) => !isLate(message))
    for (const { core } of others) core.forgetLeader()
    const successor = this.#pick(others)
    successor.core.campaign()
    this.#advance(successor)
  }

  #crash(replica: TestReplica): void {
    this.#faults.crashed++
    replica.crash()
    this.#checker.forget(replica.id)
  }

  /** Drops what is applied: who lacks it is sent a snapshot. */
  #compact(replica: TestReplica): void {
    const before = replica.core.status().firstIndex
    replica.takeSnapshot()
    if (replica.core.status().firstIndex > before) this.#counts.compacted++
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
    const leader = this.#newestLeader()
    if (leader === undefined) return false
    const members = memberIds(leader.core.status().configuration)
    return this.#replicas.every(
      ({ id, core }) => !members.includes(id) || core.status().appliedIndex >= index,
    )
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
