import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

import { Client } from '../../src/client.js'
import type { MemberAddresses } from '../../src/index.js'
import { freeAddresses } from '../support/free-addresses.js'

const program = fileURLToPath(new URL('cluster-node.js', import.meta.url))
const names = ['n1', 'n2', 'n3'] as const

/** What a node says about its partition, as far as the tests look. */
export interface SeenStatus {
  readonly role: string
  readonly term: number
  readonly leader: string | null
  readonly appliedIndex: number
  readonly lastIndex: number
}

/** Three node processes on loopback that can be killed and started again. */
export class ClusterProcesses {
  readonly #directory: string
  readonly #members: Readonly<Record<string, MemberAddresses>>
  readonly #running = new Map<string, ChildProcess>()

  static async start(directory: string): Promise<ClusterProcesses> {
    const addresses = await freeAddresses(2 * names.length)
    const members = Object.fromEntries(
      names.map((name, at) => [
        name,
        { listen: addresses[2 * at] ?? '', clientListen: addresses[2 * at + 1] ?? '' },
      ]),
    )
    const cluster = new ClusterProcesses(directory, members)
    await Promise.all(names.map((name) => cluster.startNode(name)))
    return cluster
  }

  private constructor(directory: string, members: Readonly<Record<string, MemberAddresses>>) {
    this.#directory = directory
    this.#members = members
  }

  get names(): readonly string[] {
    return names
  }

  get endpoints(): readonly string[] {
    return names.map((name) => this.endpoint(name))
  }

  endpoint(name: string): string {
    return this.#members[name]?.clientListen ?? ''
  }

  /** Resolves when the node has recovered its log and listens. */
  async startNode(name: string): Promise<void> {
    const options = {
      cluster: 'kill',
      nodeId: name,
      dataDir: path.join(this.#directory, name),
      members: this.#members,
      durability: 'group',
      segmentBytes: 4 * 1024 * 1024,
    }
    const child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.#running.set(name, child)
    const [outcome] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit'),
    ])) as unknown[]
    if (outcome !== 'ready')
      throw new Error(`${name} ended with ${String(outcome)} before it was ready`)
  }

  /** SIGKILL: nothing of it runs on. */
  async kill(name: string): Promise<void> {
    const child = this.#running.get(name)
    if (child === undefined) return
    this.#running.delete(name)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Asks the node to close and waits for the process to end by itself; returns its exit code. */
  async close(name: string): Promise<number | null> {
    const child = this.#running.get(name)
    if (child === undefined) return null
    this.#running.delete(name)
    const gone = once(child, 'exit')
    child.send('close')
    const [code] = (await gone) as [number | null]
    return code
  }

  async killAll(): Promise<void> {
    for (const name of names) await this.kill(name)
  }

  /** The leader's name, as soon as the cluster agrees on one. */
  async leader(): Promise<string> {
    for (;;) {
      for (const name of this.#running.keys()) {
        const status = await this.status(name)
        if (status.role === 'leader') return name
      }
    }
  }

  async status(name: string): Promise<SeenStatus> {
    const client = await Client.connect({ endpoints: [this.endpoint(name)] })
    try {
      return (await client.status({ partition: 'default' })) as SeenStatus
    } finally {
      await client.close()
    }
  }
}
