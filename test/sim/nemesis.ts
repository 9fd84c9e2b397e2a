import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { Cluster } from './cluster.js'
import type { FaultCounts } from './faults.js'
import type { SimulatedNode } from './node.js'
import type { Trace } from './trace.js'

export interface NemesisParts {
  readonly cluster: Cluster
  readonly random: Random
  readonly faults: FaultCounts
  readonly trace: Trace
}

interface Ending {
  readonly step: number
  end(): Promise<void> | void
}

/** Makes faults, at most as many as the model allows: disks keep what was synced. Most of them end after a while, so that there is
 *  something to lose when the next one comes. */
export class Nemesis {
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #faults: FaultCounts
  /** Out of 100 steps, so many bring something: some runs are calm, some wild. */
  readonly #eventPercent: number
  readonly #hasLeases: boolean
  readonly #trace: Trace
  #endings: Ending[] = []
  #challengeStep = 0

  constructor({ cluster, random, faults, trace }: NemesisParts) {
    this.#cluster = cluster
    this.#random = random
    this.#faults = faults
    this.#trace = trace
    this.#hasLeases = cluster.settings.leaseMs > 0
    // A lease takes a leader that reigns for a while.
    this.#eventPercent = this.#pick(this.#hasLeases ? [0, 1, 3] : [2, 5, 12])
    const { network, nodes } = cluster
    network.lossPercent = this.#pick([0, 0, 2, 10])
    network.duplicatePercent = this.#pick([0, 5, 20])
    network.delayStepsMax = this.#pick(this.#hasLeases ? [0, 1, 1, 4] : [0, 1, 1, 4, 12])
    network.strayPermille = this.#pick([0, 5, 30])
    for (const node of nodes) {
      node.disk.flushPercent = this.#pick([100, 60, 15])
      this.#skew(node)
    }
  }

  async act(): Promise<void> {
    await this.#end()
    this.#challenge()
    if (this.#between(1, 100) > this.#eventPercent) return
    const node = this.#pick(this.#cluster.nodes)
    const victim = this.#victim()
    const dice = this.#between(0, 99)
    if (dice < 22) this.#crash(this.#writer() ?? victim)
    else if (dice < 32) this.#isolate(victim)
    else if (dice < 44) this.#cutOneWay(victim)
    else if (dice < 52) this.#split()
    else if (dice < 59) this.#fill(node)
    else if (dice < 64) this.#breakDisk(victim)
    else if (dice < 70) node.disk.flushPercent = this.#pick([100, 60, 10])
    else if (dice < 80) this.#stall(victim)
    else if (dice < 90) this.#jump(victim)
    else this.#campaign(node)
  }

  /** Ends every fault and lets every node run. */
  async heal(): Promise<void> {
    this.#endings = []
    this.#cluster.network.calm()
    for (const node of this.#cluster.nodes) {
      node.disk.calm()
      node.clock.rate = 1
      node.stalledSteps = 0
      await restart(node)
      node.machine.calm()
    }
  }

  async #end(): Promise<void> {
    const due = this.#endings.filter(({ step }) => step <= this.#trace.step)
    if (due.length === 0) return
    this.#endings = this.#endings.filter(({ step }) => step > this.#trace.step)
    for (const ending of due) await ending.end()
  }

  /** A fault ends after some steps. */
  #later(stepsMin: number, stepsMax: number, end: Ending['end']): void {
    this.#endings.push({ step: this.#trace.step + this.#between(stepsMin, stepsMax), end })
  }

  #crash(node: SimulatedNode): void {
    if (this.#between(0, 1) === 0) this.#kill(node)
    else if (node.isUp && node.sendsUntilCrash === 0) {
      this.#faults.crashInsideTurn += 1
      node.sendsUntilCrash = this.#between(1, 6)
      this.#later(1, 80, () => restart(node))
    }
  }

  #kill(node: SimulatedNode): void {
    if (!node.isUp) return
    this.#faults.crash += 1
    node.kill()
    this.#later(1, 80, () => restart(node))
  }

  #isolate(victim: SimulatedNode): void {
    this.#faults.isolation += 1
    for (const { id } of this.#cluster.nodes) {
      this.#cluster.network.cut(victim.id, id)
      this.#cluster.network.cut(id, victim.id)
    }
    this.#mendLater()
  }

  #mendLater(): void {
    this.#later(10, 120, () => {
      this.#cluster.network.heal()
    })
  }

  /** Cuts the cluster in two. */
  #split(): void {
    this.#faults.split += 1
    const { nodes, network } = this.#cluster
    const sides = new Map(nodes.map(({ id }) => [id, this.#between(0, 1)]))
    for (const { id: from } of nodes) {
      for (const { id: to } of nodes) {
        if (sides.get(from) !== sides.get(to)) network.cut(from, to)
      }
    }
    this.#mendLater()
  }

  #cutOneWay(victim: SimulatedNode): void {
    this.#faults.oneWayPartition += 1
    const hears = this.#between(0, 1) === 0
    for (const { id } of this.#cluster.nodes) {
      if (hears) this.#cluster.network.cut(victim.id, id)
      else this.#cluster.network.cut(id, victim.id)
    }
    this.#mendLater()
  }

  #breakDisk(node: SimulatedNode): void {
    if (!node.isUp || node.disk.isBroken) return
    if (this.#between(0, 1) === 0) node.disk.failSync()
    else node.disk.rot()
    this.#later(1, 80, () => restart(node))
  }

  /** Every second time the process dies of it: what the disk refused must not be there for the next one. */
  #fill(node: SimulatedNode): void {
    node.disk.isFull = true
    this.#later(5, 80, () => {
      if (this.#between(0, 1) === 0) this.#kill(node)
      node.disk.isFull = false
    })
  }

  #stall(node: SimulatedNode): void {
    this.#faults.processStalled += 1
    node.stalledSteps = this.#between(2, 80)
  }

  /** Puts a leader to the test that answers reads, by a lease or by rounds under way. */
  #challenge(): void {
    const { step } = this.#trace
    const leader = this.#cluster.leader()
    const status = leader?.status() ?? null
    if (step < this.#challengeStep || leader === undefined || status === null) return
    if (leader.stalledSteps > 0 || (!status.leaseHeld && status.pending.reads === 0)) return
    this.#challengeStep = step + this.#restSteps()
    if (status.leaseHeld && this.#between(0, 1) === 0) this.#pause(leader)
    else this.#depose(leader)
  }

  /** Between two challenges. */
  #restSteps(): number {
    return this.#hasLeases ? this.#between(40, 100) : this.#between(150, 400)
  }

  /** The leader stands still for longer than a lease and an election take. Of its successor it may hear only some time after it
   *  goes on. */
  #pause(leader: SimulatedNode): void {
    this.#faults.leaderPaused += 1
    leader.stalledSteps = this.#between(40, 79)
    this.#trace.add(`n${leader.id} is paused for ${leader.stalledSteps} steps`)
    if (this.#between(0, 3) === 0) return
    for (const { id } of this.#cluster.nodes) this.#cluster.network.cut(id, leader.id)
    this.#later(leader.stalledSteps, leader.stalledSteps + 40, () => {
      this.#cluster.network.heal()
    })
  }

  /** The others take their leader for lost and one campaigns at once, while the leader hears nothing of it but what they answered
   *  before, late: two lead for a while. */
  #depose(leader: SimulatedNode): void {
    const { nodes, network } = this.#cluster
    const others = nodes.filter((node) => node !== leader && node.isUp && node.stalledSteps === 0)
    const successor = longestLogOf(others)
    if (successor === undefined) return
    this.#faults.leaderDeposed += 1
    this.#trace.add(`n${successor.id} deposes n${leader.id}`)
    for (const { id, replica } of others) {
      network.cut(leader.id, id)
      replica?.forgetLeader()
    }
    network.cut(successor.id, leader.id)
    this.#faults.messageHeldUp += network.holdUp(leader.id, this.#between(5, 40))
    successor.replica?.campaign()
    this.#mendLater()
  }

  #jump(node: SimulatedNode): void {
    this.#faults.clockJump += 1
    node.clock.jump(this.#between(50, 2_000))
  }

  #skew(node: SimulatedNode): void {
    node.clock.rate = this.#pick([1, 1, 0.8, 1.2])
    if (node.clock.rate !== 1) this.#faults.clockSkew += 1
  }

  #campaign(node: SimulatedNode): void {
    if (node.stalledSteps > 0) return
    this.#faults.campaignWithoutReason += 1
    node.replica?.campaign()
  }

  #victim(): SimulatedNode {
    const node = this.#pick(this.#cluster.nodes)
    return this.#between(0, 1) === 0 ? node : (this.#cluster.leader() ?? node)
  }

  /** Every second time somebody who has something to lose: writes under way. */
  #writer(): SimulatedNode | null {
    const writers = this.#cluster.nodes.filter(({ disk, isUp }) => isUp && disk.queuedWrites > 0)
    return writers.length === 0 || this.#between(0, 1) === 0 ? null : this.#pick(writers)
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#between(0, items.length - 1)] as T
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#random, min, max)
  }
}

function longestLogOf(nodes: readonly SimulatedNode[]): SimulatedNode | undefined {
  const lastIndex = (node: SimulatedNode): number => node.status()?.lastIndex ?? 0
  return nodes.toSorted((a, b) => lastIndex(b) - lastIndex(a))[0]
}

/** A process that ended is started again, and so is one that stopped because of its disk. One that was still to crash is spared. */
async function restart(node: SimulatedNode): Promise<void> {
  node.sendsUntilCrash = 0
  if (node.isUp && node.disk.isBroken) node.kill()
  if (!node.isUp && !node.isGone) await node.start()
}
