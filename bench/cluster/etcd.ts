import type { ChildProcess } from 'node:child_process'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { cpuSecondsOf, residentBytesOf } from './processes.js'
import { percentile } from './statistics.js'
import type { LoadedSystem, LoadShape, LoadSample } from './systems.js'

const run = promisify(execFile)

/** Debian's packages of what the comparison needs. */
const neededPrograms = [
  { program: 'etcd', debianPackage: 'etcd-server' },
  { program: 'etcdctl', debianPackage: 'etcd-client' },
  { program: 'h2load', debianPackage: 'nghttp2-client' },
]

/** Which programs of the comparison are missing, with the command that installs them; null when all are there. */
export async function whatIsMissing(): Promise<string | null> {
  const missing = []
  for (const needed of neededPrograms) {
    const found = await run('sh', ['-c', `command -v ${needed.program}`]).catch(() => null)
    if (found === null) missing.push(needed)
  }
  if (missing.length === 0) return null
  const programs = missing.map(({ program }) => program).join(', ')
  const packages = missing.map(({ debianPackage }) => debianPackage).join(' ')
  return `${programs} not found; on Debian: apt-get install ${packages}`
}

/** Three etcd processes on loopback, loaded by h2load with prepared Put requests. */
export class EtcdSystem implements LoadedSystem {
  readonly name: string
  readonly loader = 'h2load'
  readonly #directory: string
  readonly #children: ChildProcess[]
  readonly #leader: string

  private constructor(directory: string, children: ChildProcess[], leader: string, name: string) {
    this.#directory = directory
    this.#children = children
    this.#leader = leader
    this.name = name
  }

  /** @param ports six free ports. */
  static async start(
    directory: string,
    ports: readonly number[],
    signal: AbortSignal,
  ): Promise<EtcdSystem> {
    await mkdir(directory, { recursive: true })
    const members = [0, 1, 2].map((position) => ({
      name: `n${position + 1}`,
      client: `http://127.0.0.1:${ports[2 * position]}`,
      peer: `http://127.0.0.1:${ports[2 * position + 1]}`,
    }))
    const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(',')
    const children = members.map((member) => startMember(member, cluster, directory))
    try {
      const endpoints = members.map(({ client }) => client).join(',')
      const leader = await waitForLeader(endpoints, signal)
      const { stdout } = await run('etcd', ['--version'])
      const [, version = ''] = /etcd Version: (\S+)/.exec(stdout) ?? []
      return new EtcdSystem(directory, children, leader, `etcd ${version}`)
    } catch (error) {
      await stopChildren(children)
      throw error
    }
  }

  async load(shape: LoadShape, signal: AbortSignal): Promise<LoadSample> {
    const request = join(this.#directory, 'put.bin')
    const log = join(this.#directory, 'h2load.log')
    await writeFile(request, putRequest(shape.payloadBytes))
    await rm(log, { force: true })
    const cpuBefore = cpuSecondsOf(this.pids)
    const putsBefore = await this.#revision()
    const { stdout } = await run('h2load', h2loadArguments(shape, request, log, this.#leader), {
      signal,
    })
    const cpuSeconds = cpuSecondsOf(this.pids) - cpuBefore
    const puts = (await this.#revision()) - putsBefore
    const [, succeeded = '0', failed = '0'] = /(\d+) succeeded, (\d+) failed/.exec(stdout) ?? []
    const latencies = (await readFile(log, 'utf8')).trimEnd().split('\n').map(durationUs)
    latencies.sort((left, right) => left - right)
    return {
      operationsPerSecond: Number(succeeded) / shape.seconds,
      failed: Number(failed),
      p50Us: percentile(latencies, 0.5),
      p99Us: percentile(latencies, 0.99),
      // The revision counts every put, those of the warm-up too, and so does the CPU time.
      serverCpuUs: (cpuSeconds * 1e6) / Math.max(1, puts),
      serverBytes: residentBytesOf(this.pids),
    }
  }

  async stop(): Promise<void> {
    await stopChildren(this.#children)
    await rm(this.#directory, { recursive: true, force: true })
  }

  get pids(): readonly number[] {
    return this.#children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]))
  }

  async #revision(): Promise<number> {
    const [status] = await endpointStatus(this.#leader)
    return status?.Status.header.revision ?? 0
  }
}

interface EtcdMember {
  readonly name: string
  readonly client: string
  readonly peer: string
}

function startMember(
  { name, client, peer }: EtcdMember,
  cluster: string,
  directory: string,
): ChildProcess {
  const flags = {
    name,
    'data-dir': join(directory, name),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': cluster,
    'initial-cluster-state': 'new',
    'quota-backend-bytes': String(8 * 2 ** 30),
    'log-level': 'error',
    logger: 'zap',
  }
  const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`)
  return spawn('etcd', words, { stdio: 'ignore' })
}

interface EndpointStatus {
  readonly Endpoint: string
  readonly Status: {
    readonly header: { readonly revision: number; readonly member_id: number }
    readonly leader: number
  }
}

async function endpointStatus(endpoints: string): Promise<EndpointStatus[]> {
  const words = ['--endpoints', endpoints, 'endpoint', 'status', '-w', 'json']
  const { stdout } = await run('etcdctl', words, { env: { ...process.env, ETCDCTL_API: '3' } })
  return JSON.parse(stdout) as EndpointStatus[]
}

async function waitForLeader(endpoints: string, signal: AbortSignal): Promise<string> {
  for (let attempt = 0; attempt < 60; attempt += 1) {
    await delay(250, undefined, { signal })
    const statuses = await endpointStatus(endpoints).catch(() => [])
    const leader = statuses.find(
      ({ Status }) => Status.leader !== 0 && Status.header.member_id === Status.leader,
    )
    if (leader !== undefined && statuses.length === 3) return leader.Endpoint
  }
  throw new Error('etcd elected no leader within 15 s')
}

async function stopChildren(children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }),
  )
}

function h2loadArguments(
  { clients, seconds }: LoadShape,
  request: string,
  log: string,
  leader: string,
): string[] {
  const connections = connectionsFor(clients)
  return [
    ...['-t', '1', '-c', String(connections), '-m', String(clients / connections)],
    ...['-D', String(seconds), '--warm-up-time', '1', '-d', request, '--log-file', log],
    ...['-H', 'content-type: application/grpc', '-H', 'te: trailers'],
    `${leader}/etcdserverpb.KV/Put`,
  ]
}

/** h2load is fastest with few connections and many streams; the streams of all connections together are the clients. */
function connectionsFor(clients: number): number {
  const wanted = clients < 16 ? 1 : Math.min(20, Math.max(4, Math.round(Math.sqrt(clients))))
  for (let connections = wanted; connections > 1; connections -= 1) {
    if (clients % connections === 0) return connections
  }
  return 1
}

/** One gRPC message: `PutRequest{key: 1, value: 2}` in protobuf behind the five-byte gRPC frame header. */
function putRequest(payloadBytes: number): Buffer {
  const message = Buffer.concat([
    protobufBytes(1, Buffer.from('k00000001')),
    protobufBytes(2, Buffer.alloc(payloadBytes, 'x')),
  ])
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

function protobufBytes(field: number, value: Buffer): Buffer {
  const length: number[] = []
  let rest = value.length
  for (; rest > 127; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128)
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length, rest]), value])
}

// A line of h2load's log: start time, status, duration in microseconds.
const durationUs = (line: string): number => Number(line.split('\t')[2] ?? 0)
