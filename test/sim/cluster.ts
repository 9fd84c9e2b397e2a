import { asReplica } from '../../src/base/ids.js'
import type { ReplicaId } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { isJoint, memberIds } from '../../src/raft/membership.js'
import type { Message } from '../../src/raft/messages.js'
import type { ReplicaSettings } from '../../src/replica/settings.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import type { CreateDisk, Disk } from './disk.js'
import type { FaultCounts } from './faults.js'
import { SimulatedNetwork } from './network.js'
import { SimulatedNode } from './node.js'
import { replaysInTurns } from './settings.js'
import type { Trace } from './trace.js'

export interface ClusterOptions {
  readonly nodeCount: number
  readonly settings: ReplicaSettings
  readonly createDisk: CreateDisk
}

/** Real replicas with the key-value machine on simulated disks, clocks and network, in simulated time. */
export class Cluster {
  readonly nodes: SimulatedNode[] = []
  /** Of the configuration before the first entry. */
  readonly voters: readonly ReplicaId[]
  readonly network: SimulatedNetwork
  /** Votes that were given to others since somebody looked. */
  readonly votesSent: Message[] = []
  readonly #random: SeededRandom
  readonly #options: ClusterOptions
  readonly #faults: FaultCounts
  readonly #trace: Trace

  constructor(
    random: SeededRandom,
    options: ClusterOptions,
    { faults, trace }: { readonly faults: FaultCounts; readonly trace: Trace },
  ) {
    this.#random = random
    this.#options = options
    this.#faults = faults
    this.#trace = trace
    this.network = new SimulatedNetwork(this.#split(), faults, trace)
    this.voters = Array.from({ length: options.nodeCount }, (_, at) => asReplica(at + 1))
    while (this.nodes.length < options.nodeCount) this.addNode()
  }

  /** A node with the next id and an empty disk; it belongs to nothing until it is added. */
  addNode(): SimulatedNode {
    const node = new SimulatedNode({
      id: asReplica(this.nodes.length + 1),
      voters: this.voters,
      disk: this.createDisk(),
      random: this.#split(),
      settings: this.#options.settings,
      applyStepsMax: [null, 0, 8, 50][integerBetween(this.#random, 0, 3)] ?? null,
      send: (message) => {
        this.#trace.add(`send ${describe(message)}`)
        if (isVote(message.message)) this.votesSent.push(message.message)
        this.network.send(message)
      },
    })
    this.nodes.push(node)
    return node
  }

  get settings(): ReplicaSettings {
    return this.#options.settings
  }

  createDisk(): Disk {
    return this.#options.createDisk(this.#split(), this.#faults)
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
    await settle({ turns: this.#turnsNow() })
    this.#traceNodes()
  }

  /** Who leads the newest term. */
  leader(): SimulatedNode | undefined {
    let newest: SimulatedNode | undefined
    for (const node of this.nodes) {
      const status = node.status()
      if (status?.role !== 'leader') continue
      if (newest === undefined || status.term > (newest.status()?.term ?? 0)) newest = node
    }
    return newest
  }

  /** Whether somebody leads, no change of membership is half done, and every member that can run has applied everything. */
  isSettled(): boolean {
    const leading = this.leader()?.status()
    if (leading === undefined || leading === null || isJoint(leading.configuration)) return false
    const members = memberIds(leading.configuration)
    return this.nodes.every((node) => {
      if (node.isGone || !members.includes(node.id)) return true
      const status = node.status()
      return status?.appliedIndex === leading.lastIndex && status.lastIndex === leading.lastIndex
    })
  }

  async close(): Promise<void> {
    for (const { replica } of this.nodes) await replica?.close()
  }

  /** Whether the event loop turns in this step: a replay in many batches takes a turn for each. */
  #turnsNow(): boolean {
    return replaysInTurns(this.#options.settings) || this.#trace.step % turnSteps === 0
  }

  #split(): SeededRandom {
    return new SeededRandom(this.#random.nextUint32())
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

/** Steps between two turns of the event loop, where nothing waits for one. */
const turnSteps = 16

/** Lets everything happen that waits for nothing but its turn. A next tick comes when no microtask is left, at a tenth of the
 *  price of a turn of the event loop. */
async function settle({ turns }: { readonly turns: boolean }): Promise<void> {
  if (turns) await new Promise(setImmediate)
  await new Promise<void>((resolve) => {
    process.nextTick(resolve)
  })
}

const isVote = (message: Message): boolean =>
  message.kind === 'request-vote-response' && !message.rejected

function describe({ message }: PeerMessage): string {
  const { kind, from, to, term } = message
  return `${kind} ${from}>${to} term ${term}`
}
