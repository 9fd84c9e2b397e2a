import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { freeAddresses } from '../support/free-addresses.js'
import { Link } from './link.js'

const program = fileURLToPath(new URL('../process/cluster-node.js', import.meta.url))

/** Node processes on loopback whose connections to each other go through links that can be cut. */
export class LinkedCluster {
  readonly names: readonly string[]
  readonly #directory: string
  readonly #listen: readonly string[]
  readonly #clientListen: readonly string[]
  /** From one node to another, by `from>to`. */
  readonly #links = new Map<string, Link>()
  readonly #running = new Map<string, ChildProcess>()

  static async start(directory: string, nodeCount: number): Promise<LinkedCluster> {
    const addresses = await freeAddresses(2 * nodeCount)
    const cluster = new LinkedCluster(directory, addresses)
    try {
      await cluster.#openLinks()
      await Promise.all(cluster.names.map((name) => cluster.startNode(name)))
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  private constructor(directory: string, addresses: readonly string[]) {
    const count = addresses.length / 2
    this.#directory = directory
    this.#listen = addresses.slice(0, count)
    this.#clientListen = addresses.slice(count)
    this.names = this.#listen.map((_, at) => `n${at + 1}`)
  }

  get endpoints(): readonly string[] {
    return this.#clientListen
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
      cluster: 'history',
      nodeId: name,
      dataDir: path.join(this.directoryOf(name), 'data'),
      members: this.#membersFor(name),
      durability: 'group',
      segmentBytes: 1024 * 1024,
      // A disk that can be filled is a file system in memory; processes die here, machines do not.
      unsafeFileSystem: true,
    }
    const child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 2, 2, 'ipc'] })
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

  /** Cuts a node off from all others, in both directions. */
  isolate(name: string): void {
    for (const [ends, link] of this.#links) {
      if (ends.split('>').includes(name)) link.cut()
    }
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal()
  }

  async close(): Promise<void> {
    for (const name of this.names) await this.kill(name)
    for (const link of this.#links.values()) link.close()
  }

  async #openLinks(): Promise<void> {
    for (const from of this.names) {
      for (const [at, to] of this.names.entries()) {
        if (from === to) continue
        this.#links.set(`${from}>${to}`, await Link.open(this.#listen[at] ?? ''))
      }
    }
  }

  /** A node knows itself by where it listens, and the others by their links. */
  #membersFor(name: string): Record<string, { listen: string; clientListen: string }> {
    return Object.fromEntries(
      this.names.map((peer, at) => [
        peer,
        {
          listen: this.#links.get(`${name}>${peer}`)?.address ?? this.#listen[at] ?? '',
          clientListen: this.#clientListen[at] ?? '',
        },
      ]),
    )
  }
}
