import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { AcknowledgedIsDurable } from './checkers/acknowledged.js'
import { expect } from './checkers/checker.js'
import type { Checker } from './checkers/checker.js'
import { CommittedLog } from './checkers/committed-log.js'
import { ElectionSafety } from './checkers/election-safety.js'
import { ExactlyOnce } from './checkers/exactly-once.js'
import { FreshReads } from './checkers/fresh-reads.js'
import { LeaderCompleteness } from './checkers/leader-completeness.js'
import { checkLinearizability } from './checkers/linearizability.js'
import { Monotone } from './checkers/monotone.js'
import { NoUnexpectedStop } from './checkers/no-stop.js'
import { OrderOfIndexes } from './checkers/order-of-indexes.js'
import { StateMachineSafety } from './checkers/state-machine-safety.js'
import { SimulatedClient } from './client.js'
import { Cluster } from './cluster.js'
import type { CreateDisk } from './disk.js'
import { noFaults } from './faults.js'
import type { FaultCounts } from './faults.js'
import { MemoryDisk } from './memory-disk.js'
import { Nemesis } from './nemesis.js'
import { Operator } from './operator.js'
import { drawSettings } from './settings.js'
import { Trace } from './trace.js'

export interface RunOptions {
  /** Whether the report has the trace, not only its digest. */
  readonly keepsTrace?: boolean
  /** What the nodes' logs are on; in memory by default. */
  readonly createDisk?: CreateDisk
}

export interface SeedReport {
  readonly faults: FaultCounts
  readonly steps: number
  readonly operations: number
  /** Of the trace: equal seeds give equal ones. */
  readonly digest: string
  readonly traceText: string
  /** What broke; null for a clean run. */
  readonly failure: string | null
}

const inMemory: CreateDisk = (random, faults) => new MemoryDisk(random, faults)

const faultSteps = 500
/** Within so many steps after everything healed, all clients have their answers and all nodes are equal. */
export const livenessSteps = 1_500

/** Runs one cluster from one seed: faults under load, then healing, then progress, then the history. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<SeedReport> {
  const { keepsTrace = false, createDisk = inMemory } = options
  const run = new Run(seed, new Trace(keepsTrace), createDisk)
  let failure: string | null = null
  try {
    await run.play()
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error)
    run.trace.add(`failed: ${failure}`)
  }
  await run.cluster.close()
  const { faults, trace, clients } = run
  const operations = clients.reduce((sum, { history }) => sum + history.length, 0)
  const { step: steps, text: traceText } = trace
  return { faults, steps, operations, digest: trace.digest(), traceText, failure }
}

class Run {
  readonly trace: Trace
  readonly faults = noFaults()
  readonly cluster: Cluster
  readonly clients: readonly SimulatedClient[]
  readonly #nemesis: Nemesis
  readonly #operator: Operator
  readonly #checkers: readonly Checker[]
  /** The first violation that a client met, between two steps. */
  #clientError: Error | null = null

  constructor(seed: number, trace: Trace, createDisk: CreateDisk) {
    this.trace = trace
    const random = new SeededRandom(seed)
    const split = (): SeededRandom => new SeededRandom(random.nextUint32())
    const options = {
      nodeCount: integerBetween(random, 0, 2) === 0 ? 5 : 3,
      settings: drawSettings(random),
      createDisk,
    }
    this.cluster = new Cluster(split(), options, this)
    const committed = new CommittedLog(this.cluster)
    this.#checkers = [
      new NoUnexpectedStop(),
      new ElectionSafety(),
      new OrderOfIndexes(),
      new Monotone(),
      committed,
      new LeaderCompleteness(committed),
      new StateMachineSafety(),
      new ExactlyOnce(),
    ]
    const durable = new AcknowledgedIsDurable(committed)
    const fresh = new FreshReads(committed)
    this.clients = ['a', 'b', 'c', 'd', 'e'].map(
      (name, at) =>
        new SimulatedClient({
          name,
          cluster: this.cluster,
          random: split(),
          trace,
          faults: this.faults,
          withSession: at < 2,
          readsOnly: at === 4,
          acknowledged: (result) => {
            this.#guarded(() => {
              durable.acknowledged(result, this.cluster)
            })
          },
          asked: () => {
            const { floor } = fresh
            return (appliedIndex) => {
              this.#guarded(() => {
                fresh.served(floor, appliedIndex)
              })
            }
          },
        }),
    )
    const { cluster, faults } = this
    this.#nemesis = new Nemesis({ cluster, random: split(), faults, trace })
    const { configurations } = committed
    this.#operator = new Operator({ cluster, configurations, random: split(), trace, faults })
  }

  async play(): Promise<void> {
    await this.cluster.start()
    for (let step = 0; step < faultSteps; step++) {
      await this.#nemesis.act()
      await this.#operator.act()
      await this.#step({ more: true })
    }
    await this.#nemesis.heal()
    await this.#requireProgress()
    this.#checkHistory()
  }

  async #step({ more }: { readonly more: boolean }): Promise<void> {
    this.trace.nextStep()
    for (const client of this.clients) client.act({ more })
    await this.cluster.step()
    if (this.#clientError !== null) throw this.#clientError
    for (const checker of this.#checkers) checker.check(this.cluster)
  }

  async #requireProgress(): Promise<void> {
    const healedStep = this.trace.step
    const isDone = (): boolean =>
      this.clients.every(({ isIdle }) => isIdle) && this.cluster.isSettled()
    do {
      const waited = this.trace.step - healedStep
      const statuses = this.cluster.nodes.map((node) => node.status()?.why)
      expect(waited < livenessSteps, 'liveness', { livenessSteps, statuses })
      this.#operator.finish()
      await this.#step({ more: waited < 20 })
    } while (!isDone())
  }

  #checkHistory(): void {
    const history = this.clients.flatMap((client) => client.history)
    const verdict = checkLinearizability(history)
    expect(verdict.kind === 'linearizable', 'linearizability', verdict)
  }

  #guarded(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.#clientError ??= error instanceof Error ? error : new Error(String(error))
    }
  }
}
