import { rm } from 'node:fs/promises'
import { Client } from '../../src/client.js'
import type { NodeAddresses } from '../../src/cli/local-cluster.js'
import { LocalCluster } from '../../src/cli/local-cluster.js'
import { waitForLeader } from '../../src/cli/cluster-view.js'
import { runClosedLoop } from './closed-loop.js'
import { cpuSecondsOf, residentBytesOf } from './processes.js'
import type { LoadedSystem, LoadSample, LoadShape } from './systems.js'

const partition = 'default'
const warmUpMs = 1_000
/** A cluster that has no leader by then has failed. */
const readyTimeoutMs = 20_000

/** How the three nodes run and how they are loaded. */
export interface ClustorPlan {
  readonly directory: string
  readonly addresses: readonly NodeAddresses[]
  readonly nodeFlags: readonly string[]
  /** Connections of the loading process; the clients share them. */
  readonly connections: number
  /** Distinct keys that the clients write in turn; 10,000 by default. */
  readonly keyCount?: number
}

/** Three node processes on loopback, loaded from this process through `clustor/client`. */
export class ClustorSystem implements LoadedSystem {
  readonly name = 'clustor'
  readonly loader = 'clustor/client'
  readonly #cluster: LocalCluster
  readonly #plan: ClustorPlan
  readonly #clients: Client[] = []

  private constructor(cluster: LocalCluster, plan: ClustorPlan) {
    this.#cluster = cluster
    this.#plan = plan
  }

  static async start(plan: ClustorPlan, signal: AbortSignal): Promise<ClustorSystem> {
    const lines: string[] = []
    const failed = new AbortController()
    const cluster = new LocalCluster({
      cluster: 'bench',
      directory: plan.directory,
      addresses: plan.addresses,
      nodeFlags: plan.nodeFlags,
      ephemeral: true,
      onLine: (name, line) => lines.push(`${name}: ${line}`),
      onExit: (name, how) => {
        failed.abort(new Error(`node ${name} ended (${how})\n${lines.slice(-20).join('\n')}`))
      },
    })
    const system = new ClustorSystem(cluster, plan)
    cluster.startAll()
    try {
      await waitForLeader(
        cluster.endpoints,
        partition,
        AbortSignal.any([signal, failed.signal, AbortSignal.timeout(readyTimeoutMs)]),
      )
    } catch (error) {
      await system.stop()
      throw error
    }
    return system
  }

  get pids(): readonly number[] {
    return this.#cluster.pids
  }

  async load(shape: LoadShape, signal: AbortSignal): Promise<LoadSample> {
    const connections = Math.min(this.#plan.connections, shape.clients)
    while (this.#clients.length < connections) {
      this.#clients.push(await Client.connect({ endpoints: this.#cluster.endpoints, signal }))
    }
    const stores = this.#clients.slice(0, connections).map((client) => client.keyValue(partition))
    const value = Buffer.alloc(shape.payloadBytes, 'x')
    const keyCount = this.#plan.keyCount ?? 10_000
    let [sent, cpuSeconds] = [0, 0]
    const put = (client: number): Promise<unknown> => {
      const store = stores[client % connections]
      sent += 1
      return store === undefined
        ? Promise.reject(new Error('no connection'))
        : store.put(`k${String(sent % keyCount).padStart(8, '0')}`, value)
    }
    const result = await runClosedLoop({
      clients: shape.clients,
      warmUpMs,
      measuredMs: shape.seconds * 1000,
      request: put,
      signal,
      onMeasured: (edge) => {
        const used = cpuSecondsOf(this.pids)
        cpuSeconds = edge === 'begin' ? used : used - cpuSeconds
      },
    })
    return {
      operationsPerSecond: result.operations / result.seconds,
      failed: result.failed,
      p50Us: result.p50Us,
      p99Us: result.p99Us,
      serverCpuUs: (cpuSeconds * 1e6) / Math.max(1, result.operations),
      serverBytes: residentBytesOf(this.pids),
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.#cluster.stopAll()
    await rm(this.#plan.directory, { recursive: true, force: true })
  }
}
