import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import type { NodeOptions } from '../../src/index.js'
import type { Direction, Network } from './network.js'

const nodeProgram = fileURLToPath(new URL('../process/cluster-node.js', import.meta.url))

/** Node processes that can be killed, stopped and cut off from each other. */
export class Cluster {
  readonly names: readonly string[]
  readonly #directory: string
  readonly #network: Network
  readonly #settings: Partial<NodeOptions>
  readonly #running = new Map<string, ChildProcess>()

  /** @param network stays its owner's, and is closed after the cluster.
   *  @param settings options of all nodes, beside those that the cluster needs. */
  static async start(
    directory: string,
    nodeCount: number,
    network: Network,
    settings: Partial<NodeOptions> = {},
  ): Promise<Cluster> {
    const cluster = new Cluster(directory, nodeCount, network, settings)
    try {
      await Promise.all(cluster.names.map((name) => cluster.startNode(name)))
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  private constructor(
    directory: string,
    nodeCount: number,
    network: Network,
    settings: Partial<NodeOptions>,
  ) {
    this.#directory = directory
    this.#network = network
    this.#settings = settings
    this.names = Array.from({ length: nodeCount }, (_, at) => `n${at + 1}`)
  }

  get endpoints(): readonly string[] {
    return this.names.map((_, at) => this.#network.clientAddress(at))
  }

  /** The cuts that its network can make. */
  get directions(): readonly Direction[] {
    return this.#network.directions
  }

  directoryOf(name: string): string {
    return path.join(this.#directory, name)
  }

  isRunning(name: string): boolean {
    return this.#running.has(name)
  }

  /** Resolves when the node has recovered its log and listens. */
  async startNode(name: string): Promise<void> {
    const options = {
      ...this.#settings,
      cluster: 'history',
      nodeId: name,
      dataDir: path.join(this.directoryOf(name), 'data'),
      members: this.#membersFor(name),
      durability: 'group',
      segmentBytes: 1024 * 1024,
      // Nothing compacts the log, and a disk that can be filled is small: it lasts eight times as long with small blocks.
      blockAlignmentBytes: 512,
      // A disk that can be filled is a file system in memory; processes die here, machines do not.
      unsafeFileSystem: true,
    }
    const { program, before } = this.#network.launcher(this.names.indexOf(name))
    const child = fork(nodeProgram, [JSON.stringify(options)], {
      execPath: program,
      execArgv: [...before],
      stdio: ['ignore', 2, 2, 'ipc'],
      // Ctrl-C is for this process, which ends the run in good order.
      detached: true,
    })
    this.#running.set(name, child)
    const events = [once(child, 'message'), once(child, 'exit')]
    const [outcome] = (await Promise.race(events)) as unknown[]
    if (outcome !== 'ready') throw new Error(`${name} ended with ${String(outcome)} at its start`)
  }

  async kill(name: string): Promise<void> {
    const child = this.#running.get(name)
    if (child === undefined) return
    this.#running.delete(name)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  signal(name: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running.get(name)?.kill(signal)
  }

  /** Cuts a node off from all others. */
  isolate(name: string, direction: Direction): void {
    this.#network.isolate(this.names.indexOf(name), direction)
  }

  heal(): void {
    this.#network.heal()
  }

  async close(): Promise<void> {
    for (const name of this.names) await this.kill(name)
  }

  #membersFor(name: string): Record<string, { listen: string; clientListen: string }> {
    const from = this.names.indexOf(name)
    return Object.fromEntries(
      this.names.map((peer, at) => [
        peer,
        {
          listen: this.#network.peerAddress(at, from),
          clientListen: this.#network.clientAddress(at),
        },
      ]),
    )
  }
}
