import { asReplica } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import type { CreateDisk } from './disk.js'
import type { FaultCounts } from './faults.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import type { Trace } from './trace.js'

export interface ClusterOptions {
  readonly nodeCount: number
  readonly appliesLater: boolean
  readonly createDisk: CreateDisk
}

/** Real replicas with the key-value machine on simulated disks, clocks and network, in simulated time. */
export class Cluster {
  readonly nodes: readonly SimulatedNode[]
  readonly network: SimulatedNetwork
  readonly #trace: Trace

  constructor(
    random: SeededRandom,
    { nodeCount, appliesLater, createDisk }: ClusterOptions,
    { faults, trace }: { readonly faults: FaultCounts; readonly trace: Trace },
  ) {
    this.#trace = trace
    const split = (): SeededRandom => new SeededRandom(random.nextUint32())
    this.network = new SimulatedNetwork(split(), faults, trace)
    const voters = Array.from({ length: nodeCount }, (_, at) => asReplica(at + 1))
    this.nodes = voters.map((id) => {
      const disk = createDisk(split(), faults)
      const send = (message: PeerMessage): void => {
        trace.add(`send ${describe(message)}`)
        this.network.send(message)
      }
      return new SimulatedNode({ id, voters, disk, random: split(), appliesLater, send })
    })
  }

  node(id: number): SimulatedNode {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  async start(): Promise<void> {
    for (const node of this.nodes) await node.start()
  }

  /** Lets a step of time pass: messages arrive, disks complete writes, timers run. */
  async step(): Promise<void> {
    for (const message of this.network.takeDue()) this.node(message.message.to).receive(message)
    for (const node of this.nodes) {
      if (node.isUp && node.stalledSteps === 0) await node.disk.step()
    }
    for (const node of this.nodes) node.advance()
    await settle(this.#trace.step)
    this.#traceNodes()
  }

  /** Whether every node runs and has applied everything that anybody knows of. */
  isSettled(): boolean {
    const statuses = this.nodes.map((node) => node.status())
    const last = statuses[0]?.lastIndex
    return statuses.every(
      (status) => status !== null && status.appliedIndex === last && status.lastIndex === last,
    )
  }

  async close(): Promise<void> {
    for (const { replica } of this.nodes) await replica?.close()
  }

  #traceNodes(): void {
    for (const node of this.nodes) {
      node.look()
      const core = node.status()
      if (core === null) continue
      const { role, term, lastIndex, commitIndex, appliedIndex } = core
      const digest = node.machine.applied.at(-1)?.digest ?? ''
      this.#trace.add(
        `n${node.id} ${role} ${term} ${lastIndex}/${commitIndex}/${appliedIndex} ${digest}`,
      )
    }
  }
}

/** Every so many steps the event loop turns, for what waits for that: the rest of a very long replay. */
const turnSteps = 8

/** Lets everything happen that waits for nothing but its turn. A next tick comes when no microtask is left, at a tenth of the
 *  price of a turn of the event loop. */
async function settle(step: number): Promise<void> {
  if (step % turnSteps === 0) await new Promise(setImmediate)
  await new Promise<void>((resolve) => {
    process.nextTick(resolve)
  })
}

function describe({ message }: PeerMessage): string {
  const { kind, from, to, term } = message
  return `${kind} ${from}>${to} term ${term}`
}
