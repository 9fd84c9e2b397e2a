import { decodeResult, encodeCommand } from '../../src/apply/key-value-codec.js'
import type { KeyValueCommand } from '../../src/apply/key-value-codec.js'
import { ClustorError } from '../../src/base/errors.js'
import type { LogIndex } from '../../src/base/ids.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { ProposeResult } from '../../src/replica/proposals.js'
import type { Cluster } from './cluster.js'
import type { FaultCounts } from './faults.js'
import type { Operation } from './history.js'
import type { SimulatedNode } from './node.js'
import type { Trace } from './trace.js'

export interface ClientParts {
  readonly name: string
  readonly cluster: Cluster
  readonly random: Random
  readonly trace: Trace
  readonly faults: FaultCounts
  /** With a session, what has no answer is sent again; without one it ends with an unknown outcome. */
  readonly withSession: boolean
  /** A reader only reads, again at once, and stays with whom it takes for the leader until that refuses. */
  readonly readsOnly: boolean
  /** Hears of every write that is answered, at the moment of the answer. */
  acknowledged(result: ProposeResult): void
  /** Hears of every read when a node is asked; what is returned, hears the index that it was served at. */
  asked(): (appliedIndex: LogIndex) => void
}

type Request = Pick<Operation, 'op' | 'key' | 'value' | 'expected' | 'callNs'>

const keyCount = 3
const operations = ['put', 'get', 'get', 'cas', 'cas', 'delete'] as const
/** Before a client asks elsewhere: some wait for a leader that stands still, others go to its successor meanwhile. */
const patienceSteps = [15, 60, 120] as const
/** Between a refusal and the next attempt. */
const pauseSteps = 3

/** A client that has one operation under way at a time, and keeps its history. */
export class SimulatedClient {
  readonly history: Operation[] = []
  readonly #parts: ClientParts
  #request: Request | null = null
  /** Raised with every attempt: answers of earlier ones find another number. */
  #attempt = 0
  #attemptLife = ''
  #waiting = false
  #startedStep = 0
  #pausedUntilStep = 0
  #target = 1
  readonly #patienceSteps: number
  #session: LogIndex | null = null
  #sequence = 0
  #valueCount = 0
  readonly #versions = new Map<string, number>()

  constructor(parts: ClientParts) {
    this.#parts = parts
    this.#target = integerBetween(parts.random, 1, parts.cluster.nodes.length)
    this.#patienceSteps = parts.readsOnly ? 120 : (patienceSteps[this.#between(0, 2)] ?? 0)
  }

  get isIdle(): boolean {
    return this.#request === null
  }

  /** Goes on with what is under way, or starts something while `more`. */
  act({ more }: { readonly more: boolean }): void {
    if (this.#waiting) this.#losePatience()
    if (this.#waiting || this.#parts.trace.step < this.#pausedUntilStep) return
    if (this.#request === null) {
      if (!more || (!this.#parts.readsOnly && this.#between(0, 2) === 0)) return
      this.#request = this.#draw()
    }
    this.#send(this.#request)
  }

  #draw(): Request {
    const key = `k${this.#between(1, keyCount)}`
    const { readsOnly } = this.#parts
    const op = readsOnly ? 'get' : (operations[this.#between(0, 5)] ?? 'get')
    const writes = op === 'put' || op === 'cas'
    if (op !== 'get') this.#sequence += 1
    return {
      op,
      key,
      value: writes ? this.#nextValue() : null,
      expected: op === 'cas' ? (this.#versions.get(key) ?? 0) : null,
      callNs: this.#parts.trace.nowNs(),
    }
  }

  /** Unique in a run. Some are longer than a sector of a disk, so that a crash can tear them. */
  #nextValue(): string {
    this.#valueCount += 1
    const filler = this.#between(0, 3) === 0 ? '.'.repeat(this.#between(1, 3_000)) : ''
    return `${this.#parts.name}:${this.#valueCount}${filler}`
  }

  #send(request: Request): void {
    const node = this.#parts.cluster.node(this.#target)
    if (node.replica === null) {
      this.#elsewhere()
      return
    }
    this.#attempt += 1
    this.#attemptLife = node.processName
    this.#waiting = true
    this.#startedStep = this.#parts.trace.step
    const attempt = this.#attempt
    node.request(() => {
      if (!this.#hears(attempt)) return
      if (request.op === 'get') this.#read(node, request)
      else if (this.#parts.withSession && this.#session === null) this.#openSession(node)
      else this.#write(node, request)
    })
  }

  #read(node: SimulatedNode, request: Request): void {
    const attempt = this.#attempt
    const anywhere = !this.#parts.readsOnly && this.#between(0, 1) === 0
    const options = { timeoutMs: 500, anywhere }
    const served = this.#parts.asked()
    const read = node.replica?.read(({ keyValue }, appliedIndex) => {
      served(appliedIndex)
      return keyValue.get(request.key)
    }, options)
    read?.then(
      (row) => {
        if (!this.#hears(attempt)) return
        const value = row === null ? null : Buffer.from(row.value).toString()
        const version = row?.version ?? 0
        this.#versions.set(request.key, version)
        this.#countRead(node)
        this.#end(request, 'ok', { value, version })
      },
      (error: unknown) => {
        if (this.#hears(attempt)) this.#elsewhere(error)
      },
    )
  }

  #countRead(node: SimulatedNode): void {
    const { cluster, faults } = this.#parts
    if (cluster.settings.leaseMs > 0) faults.readUnderLeases += 1
    if (node.status()?.role === 'follower') faults.readAtFollower += 1
  }

  #openSession(node: SimulatedNode): void {
    const attempt = this.#attempt
    node.replica?.openSession(
      { timeoutMs: 500 },
      {
        resolve: ({ index }) => {
          if (!this.#hears(attempt)) return
          this.#session = index
          this.#sequence = 1
          this.#waiting = false
        },
        reject: (error) => {
          if (this.#hears(attempt)) this.#elsewhere(error)
        },
      },
    )
  }

  #write(node: SimulatedNode, request: Request): void {
    const attempt = this.#attempt
    const session = this.#session
    const stamp =
      session === null
        ? null
        : { session, sequence: this.#sequence, acknowledgedSequence: this.#sequence - 1 }
    node.replica?.propose(
      encodeCommand(commandOf(request)),
      { session: stamp, timeoutMs: 500 },
      {
        resolve: (result) => {
          if (this.#hears(attempt)) this.#written(request, result)
        },
        reject: (error) => {
          if (this.#hears(attempt)) this.#refused(request, error)
        },
      },
    )
  }

  #written(request: Request, answer: ProposeResult): void {
    this.#parts.acknowledged(answer)
    const { outcome, previousVersion, version } = decodeResult(answer.result as Uint8Array)
    this.#versions.set(request.key, version)
    this.#end(request, 'ok', { done: outcome === 'done', previousVersion, version })
  }

  #refused(request: Request, error: ClustorError): void {
    if (this.#parts.withSession) {
      this.#parts.faults.clientRetry += 1
      this.#elsewhere(error)
    } else if (error.outcome === 'not-applied') {
      this.#elsewhere(error)
      this.#end(request, 'fail', null)
    } else this.#giveUp(request)
  }

  /** The node died with the answer, or does not answer: a session asks again, nobody else may. */
  #losePatience(): void {
    const node = this.#parts.cluster.node(this.#target)
    const died = this.#attemptLife !== node.processName
    if (!died && this.#parts.trace.step - this.#startedStep < this.#patienceSteps) return
    const request = this.#request
    if (request === null) return
    this.#attempt += 1
    if (request.op === 'get' || this.#parts.withSession) {
      this.#parts.faults.clientRetry += 1
      this.#elsewhere()
    } else this.#giveUp(request)
  }

  #giveUp(request: Request): void {
    this.#parts.faults.unknownOutcome += 1
    this.#elsewhere()
    this.#end(request, 'unknown', null)
  }

  /** Asks the node that an error names as leader, or another one: whoever knows the leader may be wrong. */
  #elsewhere(error?: unknown): void {
    this.#waiting = false
    this.#pausedUntilStep = this.#parts.trace.step + pauseSteps
    const isTrusting = this.#parts.readsOnly || this.#between(0, 3) > 0
    const hint = isTrusting ? leaderNamedBy(error) : null
    this.#target = hint ?? this.#between(1, this.#parts.cluster.nodes.length)
  }

  #hears(attempt: number): boolean {
    const node = this.#parts.cluster.node(this.#target)
    return attempt === this.#attempt && this.#attemptLife === node.processName
  }

  #end(request: Request, outcome: Operation['outcome'], result: Operation['result']): void {
    const { name: client, trace } = this.#parts
    this.#request = null
    this.#waiting = false
    this.history.push({ client, ...request, result, outcome, returnNs: trace.nowNs() })
    trace.add(`${client} ${request.op} ${request.key} ${outcome} ${JSON.stringify(result)}`)
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#parts.random, min, max)
  }
}

function leaderNamedBy(error: unknown): number | null {
  const leader = error instanceof ClustorError ? error.fields['leader'] : null
  return typeof leader === 'string' ? Number(leader.slice(1)) : null
}

function commandOf({ op, key, value, expected }: Request): KeyValueCommand {
  const bytes = value === null ? null : Buffer.from(value)
  if (op === 'delete') return { kind: 'delete', key }
  if (op === 'cas') {
    return { kind: 'compare-and-set', key, expectedVersion: expected ?? 0, value: bytes }
  }
  return { kind: 'put', key, value: bytes ?? Buffer.alloc(0) }
}
