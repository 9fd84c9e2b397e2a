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
  readonly #trace: Trace
  #endings: Ending[] = []

  constructor({ cluster, random, faults, trace }: NemesisParts) {
    this.#cluster = cluster
    this.#random = random
    this.#faults = faults
    this.#trace = trace
    this.#eventPercent = this.#pick([2, 5, 12])
    const { network, nodes } = cluster
    network.lossPercent = this.#pick([0, 0, 2, 10])
    network.duplicatePercent = this.#pick([0, 5, 20])
    network.delayStepsMax = this.#pick([0, 1, 1, 4, 12])
    network.strayPermille = this.#pick([0, 5, 30])
    for (const node of nodes) {
      node.disk.flushPercent = this.#pick([100, 60, 15])
      this.#skew(node)
    }
  }

  async act(): Promise<void> {
    await this.#end()
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
    if (!node.isUp) return
    if (this.#between(0, 1) === 0) {
      this.#faults.crash += 1
      node.kill()
    } else if (node.sendsUntilCrash === 0) {
      this.#faults.crashInsideTurn += 1
      node.sendsUntilCrash = this.#between(1, 6)
    }
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

  #fill({ disk }: SimulatedNode): void {
    disk.isFull = true
    this.#later(5, 80, () => {
      disk.isFull = false
    })
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

/** A process that ended is started again, and so is one that stopped because of its disk. One that was still to crash is spared. */
async function restart(node: SimulatedNode): Promise<void> {
  node.sendsUntilCrash = 0
  if (node.isUp && node.disk.isBroken) node.kill()
  if (!node.isUp && !node.isGone) await node.start()
}
