import { mkdtemp, rm } from 'node:fs/promises'
import path from 'node:path'

import { KeyValueMachine } from '../../src/apply/key-value.js'
import { decodeCommand, encodeCommand } from '../../src/apply/key-value-codec.js'
import type { ClustorError } from '../../src/base/errors.js'
import { Node } from '../../src/node/node.js'
import type { MemberAddresses, NodeOptions } from '../../src/node/node.js'
import type { Partition } from '../../src/node/partition.js'
import { freeAddresses } from '../support/free-addresses.js'
import { directoryOnDisk } from '../support/temporary-directory.js'

export const partitionName = 'default'

/** Small segments, so that a test does not wait for zeroes. */
const segmentBytes = 1024 * 1024

/** Three nodes in this process, on real logs and loopback connections. */
export class LoopbackCluster {
  readonly #directory: string
  readonly #members: Readonly<Record<string, MemberAddresses>>
  readonly #open = new Map<string, Node>()
  readonly problems: ClustorError[] = []

  static async create(names: readonly string[] = ['n1', 'n2', 'n3']): Promise<LoopbackCluster> {
    const directory = await mkdtemp(path.join(directoryOnDisk(), 'clustor-node-'))
    const addresses = await freeAddresses(2 * names.length)
    const members = Object.fromEntries(
      names.map((name, at) => [
        name,
        { listen: addresses[2 * at] ?? '', clientListen: addresses[2 * at + 1] ?? '' },
      ]),
    )
    return new LoopbackCluster(directory, members)
  }

  private constructor(directory: string, members: Readonly<Record<string, MemberAddresses>>) {
    this.#directory = directory
    this.#members = members
  }

  get names(): readonly string[] {
    return Object.keys(this.#members)
  }

  get clientAddresses(): readonly string[] {
    return Object.values(this.#members).map(({ clientListen }) => clientListen)
  }

  options(name: string, more: Partial<NodeOptions> = {}): NodeOptions {
    return {
      cluster: 'test',
      nodeId: name,
      dataDir: path.join(this.#directory, name),
      members: this.#members,
      segmentBytes,
      onProblem: (error) => this.problems.push(error),
      ...more,
    }
  }

  async start(name: string, more: Partial<NodeOptions> = {}): Promise<Partition<KeyValueMachine>> {
    const node = await Node.open(this.options(name, more))
    this.#open.set(name, node)
    return node.openPartition(partitionName, { stateMachine: () => new KeyValueMachine() })
  }

  async startAll(): Promise<void> {
    const started = await Promise.allSettled(this.names.map((name) => this.start(name)))
    for (const outcome of started) {
      if (outcome.status === 'rejected') throw outcome.reason
    }
  }

  node(name: string): Node {
    const node = this.#open.get(name)
    if (node === undefined) throw new Error(`${name} is not open`)
    return node
  }

  partition(name: string): Partition<KeyValueMachine> {
    const partition = this.node(name).partition(partitionName)
    if (partition === undefined) throw new Error(`${name} has no partition`)
    return partition as unknown as Partition<KeyValueMachine>
  }

  async stop(name: string): Promise<void> {
    const node = this.node(name)
    this.#open.delete(name)
    await node.close()
  }

  /** The partition of the node that leads, as soon as one does. */
  async leader(): Promise<Partition<KeyValueMachine>> {
    const partitions = [...this.#open.keys()].map((name) => this.partition(name))
    for (;;) {
      const leader = partitions.find((partition) => partition.status().role === 'leader')
      if (leader !== undefined) return leader
      await Promise.race(partitions.map((partition) => partition.nextChange()))
    }
  }

  async remove(): Promise<void> {
    for (const name of [...this.#open.keys()]) await this.stop(name)
    await rm(this.#directory, { recursive: true, force: true })
  }
}

/** Resolves when a condition on a partition holds; looks again after every change of it. */
export async function untilChange(partition: Partition, holds: () => boolean): Promise<void> {
  while (!holds()) await partition.nextChange()
}

export const putCommand = (key: string, value: string): Uint8Array =>
  encodeCommand({ kind: 'put', key, value: Buffer.from(value) })

/** `key=value` of a put that a subscription brought. */
export function describePut(payload: Uint8Array): string {
  const command = decodeCommand(payload)
  if (command?.kind !== 'put') return 'no put'
  return `${command.key}=${Buffer.from(command.value).toString()}`
}
