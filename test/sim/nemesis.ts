import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { Cluster } from './cluster.js'
import type { FaultCounts } from './faults.js'
import type { SimulatedNode } from './node.js'

/** Makes faults, at most as many as the model allows: disks keep what was synced. */
export class Nemesis {
  readonly #cluster: Cluster
  readonly #random: Random
  readonly #faults: FaultCounts
  /** Out of 100 steps, so many bring something: some runs are calm, some wild. */
  readonly #eventPercent: number

  constructor(cluster: Cluster, random: Random, faults: FaultCounts) {
    this.#cluster = cluster
    this.#random = random
    this.#faults = faults
    this.#eventPercent = this.#pick([3, 8, 20])
    const { network, nodes } = cluster
    network.lossPercent = this.#pick([0, 2, 10])
    network.duplicatePercent = this.#pick([0, 5, 20])
    network.delayStepsMax = this.#pick([0, 1, 4, 12])
    for (const node of nodes) {
      node.disk.flushPercent = this.#pick([100, 60, 15])
      this.#skew(node)
    }
  }

  async act(): Promise<void> {
    if (this.#between(1, 100) > this.#eventPercent) return
    const node = this.#pick(this.#cluster.nodes)
    const victim = this.#between(0, 1) === 0 ? node : (this.#leader() ?? node)
    const dice = this.#between(0, 99)
    if (dice < 14) this.#crash(victim)
    else if (dice < 34) await this.#restart()
    else if (dice < 42) this.#isolate(victim)
    else if (dice < 52) this.#cutOneWay(victim)
    else if (dice < 68) this.#cluster.network.heal()
    else if (dice < 73) node.disk.isFull = !node.disk.isFull
    else if (dice < 76) this.#breakDisk(victim)
    else if (dice < 80) node.disk.flushPercent = this.#pick([100, 60, 10])
    else if (dice < 86) this.#stall(victim)
    else if (dice < 92) this.#jump(victim)
    else this.#campaign(node)
  }

  /** Ends every fault and lets every node run. */
  async heal(): Promise<void> {
    this.#cluster.network.calm()
    for (const node of this.#cluster.nodes) {
      node.disk.calm()
      node.clock.rate = 1
      node.stalledSteps = 0
      node.sendsUntilCrash = 0
      if (node.isUp && node.disk.isBroken) node.kill()
      if (!node.isUp) await node.start()
    }
  }

  #crash(node: SimulatedNode): void {
    if (!node.isUp) return
    if (this.#between(0, 1) === 0) {
      this.#faults.crash += 1
      node.kill()
    } else if (node.sendsUntilCrash === 0) {
      this.#faults.crashInsideTurn += 1
      node.sendsUntilCrash = this.#between(1, 6)
    }
  }

  async #restart(): Promise<void> {
    const stopped = this.#cluster.nodes.find((node) => node.isUp && node.disk.isBroken)
    stopped?.kill()
    await this.#cluster.nodes.find(({ isUp }) => !isUp)?.start()
  }

  #isolate(victim: SimulatedNode): void {
    this.#faults.isolation += 1
    for (const { id } of this.#cluster.nodes) {
      this.#cluster.network.cut(victim.id, id)
      this.#cluster.network.cut(id, victim.id)
    }
  }

  #cutOneWay(victim: SimulatedNode): void {
    this.#faults.oneWayPartition += 1
    const hears = this.#between(0, 1) === 0
    for (const { id } of this.#cluster.nodes) {
      if (hears) this.#cluster.network.cut(victim.id, id)
      else this.#cluster.network.cut(id, victim.id)
    }
  }

  #breakDisk(node: SimulatedNode): void {
    if (!node.isUp || node.disk.isBroken) return
    if (this.#between(0, 1) === 0) node.disk.failSync()
    else node.disk.rot()
  }

  #stall(node: SimulatedNode): void {
    this.#faults.processStalled += 1
    node.stalledSteps = this.#between(2, 80)
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
    this.#faults.campaignWithoutReason += 1
    node.replica?.campaign()
  }

  #leader(): SimulatedNode | undefined {
    return this.#cluster.nodes.find((node) => node.status()?.role === 'leader')
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#between(0, items.length - 1)] as T
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#random, min, max)
  }
}
