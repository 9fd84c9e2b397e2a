import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freeAddresses, freePorts } from '../../src/cli/free-ports.js'
import { ClustorSystem } from './clustor.js'
import { EtcdSystem } from './etcd.js'
import { cpuSecondsOf, machineCpuSeconds, ownCpuSeconds } from './processes.js'
import type { Machine } from './machine.js'
import { describeMachine } from './machine.js'
import type { Spread } from './statistics.js'
import { median, spread } from './statistics.js'
import type { LoadedSystem, LoadSample } from './systems.js'

/** What to measure. */
export interface ClusterBench {
  readonly directory: string
  readonly clients: readonly number[]
  readonly payloadBytes: number
  readonly rounds: number
  /** Measured time of each load, after a second of warm-up. */
  readonly seconds: number
  readonly connections: number
  readonly nodeFlags: readonly string[]
  readonly against: readonly 'etcd'[]
  readonly onProgress: (text: string) => void
  readonly signal: AbortSignal
}

/** The figures of one system under one number of clients, over all rounds. */
export interface ClusterFigures {
  readonly system: string
  readonly loader: string
  readonly clients: number
  readonly putsPerSecond: Spread
  readonly p50Us: Spread
  readonly p99Us: Spread
  readonly serverCpuUsPerPut: Spread
  readonly serverBytes: Spread
  readonly failed: number
  /** CPU cores that everything else on the machine used meanwhile. */
  readonly otherCores: Spread
}

/** clustor compared with another system: medians of the ratios within each round. */
export interface ClusterRatio {
  readonly against: string
  readonly clients: number
  /** Above 1: clustor does more. */
  readonly putsPerSecond: number
  /** Below 1: clustor answers sooner. */
  readonly p50: number
  readonly p99: number
  readonly serverCpu: number
}

/** The whole measurement, as `--json` prints it. */
export interface ClusterReport {
  readonly benchmark: 'cluster'
  readonly machine: Machine
  readonly settings: {
    readonly nodes: 3
    readonly payloadBytes: number
    readonly rounds: number
    readonly seconds: number
    readonly connections: number
    readonly nodeFlags: readonly string[]
  }
  readonly figures: readonly ClusterFigures[]
  readonly ratios: readonly ClusterRatio[]
}

interface Sample extends LoadSample {
  readonly system: string
  readonly loader: string
  readonly clients: number
  readonly round: number
  readonly otherCores: number
}

/** Measures three node processes, and the systems to compare with, in interleaved rounds: only ratios within a round
 *  hold on a machine whose speed drifts. Each system has the machine to itself while it is measured. */
export async function benchCluster(bench: ClusterBench): Promise<ClusterReport> {
  await mkdir(bench.directory, { recursive: true })
  const directory = await mkdtemp(join(bench.directory, 'clustor-bench-'))
  try {
    const samples: Sample[] = []
    for (let round = 0; round < bench.rounds; round += 1) {
      // Every other round runs in the opposite order, so that no system always has the warm machine.
      const order = round % 2 === 0 ? systemsOf(bench) : systemsOf(bench).reverse()
      for (const system of order) {
        samples.push(...(await measure(system, round, directory, bench)))
      }
    }
    return report(samples, describeMachine(directory), bench)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

type SystemName = 'clustor' | 'etcd'

const systemsOf = (bench: ClusterBench): SystemName[] => ['clustor', ...bench.against]

/** Every system is loaded like this first: a server that has just started runs code that is not compiled yet. */
const warmUp = { clients: 64, seconds: 3 }

async function measure(
  name: SystemName,
  round: number,
  directory: string,
  bench: ClusterBench,
): Promise<Sample[]> {
  const system = await start(name, join(directory, `${name}-${round}`), bench)
  const samples: Sample[] = []
  try {
    bench.onProgress(`round ${round + 1} of ${bench.rounds}: ${system.name}, warming up`)
    await system.load({ ...warmUp, payloadBytes: bench.payloadBytes }, bench.signal)
    for (const clients of bench.clients) {
      const place = `round ${round + 1} of ${bench.rounds}`
      bench.onProgress(`${place}: ${system.name}, ${clients} clients`)
      const { seconds, payloadBytes } = bench
      const others = new OthersMeter(system)
      const sample = await system.load({ clients, seconds, payloadBytes }, bench.signal)
      const { name: systemName, loader } = system
      const otherCores = others.cores()
      samples.push({ ...sample, system: systemName, loader, clients, round, otherCores })
    }
  } finally {
    await system.stop()
  }
  return samples
}

/** How busy the machine is with neither the servers nor the load: figures of a busy machine are worth little. */
class OthersMeter {
  readonly #system: LoadedSystem
  readonly #startedAt = performance.now()
  readonly #before: number

  constructor(system: LoadedSystem) {
    this.#system = system
    this.#before = this.#seconds()
  }

  cores(): number {
    const elapsed = (performance.now() - this.#startedAt) / 1000
    return Math.max(0, (this.#seconds() - this.#before) / elapsed)
  }

  #seconds(): number {
    return machineCpuSeconds() - ownCpuSeconds() - cpuSecondsOf(this.#system.pids)
  }
}

async function start(
  name: SystemName,
  directory: string,
  { nodeFlags, connections, signal }: ClusterBench,
): Promise<LoadedSystem> {
  switch (name) {
    case 'clustor': {
      const addresses = await freeAddresses(3)
      return ClustorSystem.start({ directory, addresses, nodeFlags, connections }, signal)
    }
    case 'etcd':
      return EtcdSystem.start(directory, await freePorts(6), signal)
  }
}

function report(samples: readonly Sample[], machine: Machine, bench: ClusterBench): ClusterReport {
  const { payloadBytes, rounds, seconds, connections, nodeFlags } = bench
  const systems = [...new Set(samples.map(({ system }) => system))].sort((left, right) =>
    left === 'clustor' ? -1 : right === 'clustor' ? 1 : 0,
  )
  const figures = systems.flatMap((system) =>
    bench.clients.map((clients) => figuresOf(samples.filter(matching(system, clients)))),
  )
  const ratios = systems
    .filter((system) => system !== 'clustor')
    .flatMap((system) => bench.clients.map((clients) => ratioOf(samples, system, clients)))
  return {
    benchmark: 'cluster',
    machine,
    settings: { nodes: 3, payloadBytes, rounds, seconds, connections, nodeFlags },
    figures,
    ratios,
  }
}

const matching =
  (system: string, clients: number) =>
  (sample: Sample): boolean =>
    sample.system === system && sample.clients === clients

function figuresOf(samples: readonly Sample[]): ClusterFigures {
  const of = (figure: (sample: Sample) => number): Spread => spread(samples.map(figure))
  return {
    system: samples[0]?.system ?? '',
    loader: samples[0]?.loader ?? '',
    clients: samples[0]?.clients ?? 0,
    putsPerSecond: of((sample) => sample.operationsPerSecond),
    p50Us: of((sample) => sample.p50Us),
    p99Us: of((sample) => sample.p99Us),
    serverCpuUsPerPut: of((sample) => sample.serverCpuUs),
    serverBytes: of((sample) => sample.serverBytes),
    failed: samples.reduce((total, sample) => total + sample.failed, 0),
    otherCores: of((sample) => sample.otherCores),
  }
}

function ratioOf(samples: readonly Sample[], against: string, clients: number): ClusterRatio {
  const own = samples.filter(matching('clustor', clients))
  const other = samples.filter(matching(against, clients))
  const ratio = (figure: (sample: Sample) => number): number =>
    median(
      own.flatMap((sample) => {
        const pair = other.find(({ round }) => round === sample.round)
        return pair === undefined || figure(pair) === 0 ? [] : [figure(sample) / figure(pair)]
      }),
    )
  return {
    against,
    clients,
    putsPerSecond: ratio((sample) => sample.operationsPerSecond),
    p50: ratio((sample) => sample.p50Us),
    p99: ratio((sample) => sample.p99Us),
    serverCpu: ratio((sample) => sample.serverCpuUs),
  }
}
