import type { CommittedBatch, StateMachine } from '../../src/apply/state-machine.js'
import type { SessionStamp } from '../../src/apply/command.js'
import type { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import type { LogIndex, ReplicaId, Term } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import type { Options } from '../../src/config/options.js'
import { resolveOptions } from '../../src/config/resolve.js'
import { memberIds } from '../../src/raft/membership.js'
import type { MembershipTransition, ReplicaChange } from '../../src/raft/membership.js'
import { Replica } from '../../src/replica/replica.js'
import type { ProposeResult } from '../../src/replica/proposals.js'
import type { ReplicaStatus } from '../../src/replica/replica-status.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import { MemoryLog } from '../support/memory-log.js'

export const tickMs = 10

/** Remembers what was applied; answers with how many entries there are. */
export class RecordingMachine implements StateMachine {
  readonly applied: { readonly index: LogIndex; readonly text: string }[] = []
  readonly #later: boolean
  #open: (() => void) | null = null
  #gate: Promise<void> | null = null

  /** @param later whether `apply` returns a promise. */
  constructor({ later = false } = {}) {
    this.#later = later
  }

  apply(batch: CommittedBatch): readonly unknown[] | Promise<readonly unknown[]> {
    const results = batch.map(({ index, payload }) => {
      this.applied.push({ index, text: Buffer.from(payload).toString() })
      return Buffer.from(String(this.applied.length))
    })
    if (this.#gate !== null) return this.#gate.then(() => results)
    return this.#later ? Promise.resolve(results) : results
  }

  /** From the next batch on, applying does not end before `release`. */
  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve))
  }

  release(): void {
    this.#open?.()
    this.#gate = null
  }

  get texts(): readonly string[] {
    return this.applied.map(({ text }) => text)
  }
}

/** What became of a proposal; undefined while it is open. */
export interface Attempt {
  result?: ProposeResult
  error?: ClustorError
}

export interface Weather {
  /** Whether state machines answer with promises; read when a node starts. */
  readonly appliesLater?: boolean
  /** Out of 100 messages, so many are lost. */
  readonly lossPercent?: number
  /** Steps that a message takes, at most; more than 0 also reorders. */
  readonly delayStepsMax?: number
  /** Out of 100 steps, the disk completes its writes in so many. */
  readonly flushPercent?: number
}

/** Who belongs to the partition at its beginning, and the options of every node. */
export interface Setup {
  readonly voters?: readonly number[]
  readonly learners?: readonly number[]
  readonly options?: Partial<Options>
}

interface Flight {
  readonly dueStep: number
  readonly message: PeerMessage
}

class SimulatedNode {
  replica: Replica<RecordingMachine> | null = null
  machine = new RecordingMachine()
  tick: () => void = () => undefined
  receive: (message: PeerMessage) => void = () => undefined
  log = new MemoryLog()
  /** What arrived while the process stands still; null while it runs. */
  held: PeerMessage[] | null = null

  readonly id: ReplicaId

  constructor(id: ReplicaId) {
    this.id = id
  }

  get name(): string {
    return `n${this.id}`
  }
}

/** Real replicas in one process, on logs in memory and a simulated network, in simulated time, from one seed. */
export class SimulatedCluster {
  readonly nodes: readonly SimulatedNode[]
  readonly #random: SeededRandom
  readonly #setup: Setup
  readonly #cut = new Set<string>()
  readonly #leaders = new Map<Term, ReplicaId>()
  weather: Weather
  #flights: Flight[] = []
  #step = 0

  /** @param setup by default every node is a voter, with the default options. */
  constructor(seed: number, nodeCount = 3, weather: Weather = {}, setup: Setup = {}) {
    this.#setup = setup
    this.#random = new SeededRandom(seed)
    this.weather = weather
    this.nodes = Array.from({ length: nodeCount }, (_, at) => new SimulatedNode(asReplica(at + 1)))
    for (const node of this.nodes) this.#start(node)
  }

  get stepCount(): number {
    return this.#step
  }

  node(id: number): SimulatedNode {
    const node = this.nodes[id - 1]
    if (node === undefined) throw new Error(`there is no node ${id}`)
    return node
  }

  replica(id: number): Replica<RecordingMachine> {
    const { replica } = this.node(id)
    if (replica === null) throw new Error(`node ${id} is down`)
    return replica
  }

  status(id: number): ReplicaStatus {
    return this.replica(id).status()
  }

  /** The leader of the newest term, or null. */
  leader(): number | null {
    const leading = this.nodes
      .map(({ replica }) => replica?.status())
      .filter((status) => status?.role === 'leader')
      .sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0))
    return leading[0]?.replica ?? null
  }

  /** Lets one tick pass: messages arrive, disks complete, timers run. */
  async step(): Promise<void> {
    this.#step += 1
    await this.deliver()
    for (const node of this.nodes) {
      if (this.#chance(this.weather.flushPercent ?? 100)) node.log.flush()
    }
    await settle()
    for (const node of this.nodes) if (node.held === null) node.tick()
    await settle()
    this.#checkLeaders()
  }

  async steps(count: number): Promise<void> {
    for (let at = 0; at < count; at++) await this.step()
  }

  /** Steps until a condition holds. */
  async until(what: string, holds: () => boolean, stepsMax = 2_000): Promise<void> {
    for (let at = 0; at < stepsMax; at++) {
      if (holds()) return
      await this.step()
    }
    throw new Error(`not within ${stepsMax} steps: ${what}`)
  }

  /** Steps until one node leads and has committed an entry of its term. */
  async elect(id?: number): Promise<number> {
    if (id !== undefined) this.replica(id).campaign()
    await this.until('a leader', () => {
      const leader = this.leader()
      if (leader === null || (id !== undefined && leader !== id)) return false
      const { commitIndex, lastIndex } = this.status(leader)
      return commitIndex === lastIndex && lastIndex > 0
    })
    return this.leader() ?? 0
  }

  /** Delivers what is due, without letting time pass. */
  async deliver(): Promise<void> {
    const due = this.#flights.filter(({ dueStep }) => dueStep <= this.#step)
    this.#flights = this.#flights.filter(({ dueStep }) => dueStep > this.#step)
    for (const { message } of due) {
      const { from, to } = message.message
      if (this.#cut.has(`${from}>${to}`)) continue
      const { held, receive } = this.node(to)
      if (held === null) receive(message)
      else held.push(message)
    }
    await settle()
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`)
  }

  /** Cuts all links of a node, both ways. */
  isolate(id: number): void {
    for (const node of this.nodes) {
      this.cut(id, node.id)
      this.cut(node.id, id)
    }
  }

  heal(): void {
    this.#cut.clear()
  }

  /** The process stands still: no ticks, and what arrives waits. */
  pause(id: number): void {
    this.node(id).held ??= []
  }

  /** It goes on: what waited arrives, before a tick. */
  resume(id: number): void {
    const node = this.node(id)
    const held = node.held ?? []
    node.held = null
    for (const message of held) node.receive(message)
  }

  /** The process dies: what was not durable is gone. */
  kill(id: number): void {
    const node = this.node(id)
    const dead = node.replica
    node.replica = null
    node.tick = () => undefined
    node.receive = () => undefined
    node.held = null
    node.log = node.log.crash()
    dead?.close().catch(() => undefined)
  }

  async restart(id: number): Promise<void> {
    this.#start(this.node(id))
    await settle()
  }

  propose(id: number, text: string, session: SessionStamp | null = null): Attempt {
    const attempt: Attempt = {}
    this.replica(id).propose(Buffer.from(text), { session, timeoutMs: 60_000 }, waiterFor(attempt))
    return attempt
  }

  /** @param words kind and replica of each change: `v4` adds a voter, `l4` a learner, `r4` removes; none leaves a joint one. */
  change(id: number, words: string, transition: MembershipTransition = 'auto'): Attempt {
    const attempt: Attempt = {}
    const change = { transition, changes: words.split(' ').filter(Boolean).map(replicaChange) }
    this.replica(id).changeMembership(change, { timeoutMs: 60_000 }, waiterFor(attempt))
    return attempt
  }

  async openSession(id: number): Promise<LogIndex> {
    const attempt: Attempt = {}
    this.replica(id).openSession({}, waiterFor(attempt))
    await this.until('a session', () => attempt.result !== undefined || attempt.error !== undefined)
    if (attempt.result === undefined) throw attempt.error ?? new Error('no session')
    return attempt.result.index
  }

  async closeAll(): Promise<void> {
    for (const { replica } of this.nodes) await replica?.close()
  }

  /** Whether all running nodes that belong to the partition have applied the same, and everything they know of. */
  isSettled(): boolean {
    const leader = this.leader()
    if (leader === null) return false
    const members = memberIds(this.status(leader).configuration)
    const statuses = this.nodes
      .filter(({ id }) => members.includes(id))
      .flatMap(({ replica }) => replica?.status() ?? [])
    const [first] = statuses
    return statuses.every(
      ({ appliedIndex, lastIndex }) => appliedIndex === lastIndex && lastIndex === first?.lastIndex,
    )
  }

  #start(node: SimulatedNode): void {
    node.machine = new RecordingMachine({ later: this.weather.appliesLater ?? false })
    node.replica = new Replica({
      id: node.id,
      voters: (this.#setup.voters ?? this.nodes.map(({ id }) => id)).map(asReplica),
      learners: (this.#setup.learners ?? []).map(asReplica),
      log: node.log,
      machine: node.machine,
      random: new SeededRandom(this.#random.nextUint32()),
      settings: resolveOptions([{ source: 'test', values: this.#setup.options ?? {} }]),
      ticks: {
        nowMs: () => this.#step * tickMs,
        start: (onTick) => {
          node.tick = onTick
          return () => {
            if (node.tick === onTick) node.tick = () => undefined
          }
        },
      },
      connect: (receive) => {
        node.receive = receive
        return {
          send: (message) => {
            this.#send(message)
          },
          detach: () => {
            if (node.receive === receive) node.receive = () => undefined
          },
        }
      },
      addressOf: (id) =>
        id === 0 ? null : { node: `n${id}`, clientAddress: `127.0.0.1:${26030 + id}` },
    })
  }

  #send(message: PeerMessage): void {
    if (this.#chance(this.weather.lossPercent ?? 0)) return
    const delay = integerBetween(this.#random, 0, this.weather.delayStepsMax ?? 0)
    this.#flights.push({ dueStep: this.#step + 1 + delay, message })
  }

  #chance(percent: number): boolean {
    return integerBetween(this.#random, 1, 100) <= percent
  }

  // Election safety (Raft figure 3): at most one leader in a term, over the life of the cluster.
  #checkLeaders(): void {
    for (const { replica } of this.nodes) {
      const status = replica?.status()
      if (status?.role !== 'leader') continue
      const other = this.#leaders.get(status.term) ?? status.replica
      if (other !== status.replica) {
        throw new Error(`n${other} and n${status.replica} both led term ${status.term}`)
      }
      this.#leaders.set(status.term, other)
    }
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  await new Promise(setImmediate)
  await new Promise(setImmediate)
}
const changeKinds = { v: 'add-voter', l: 'add-learner', r: 'remove' } as const

function replicaChange(word: string): ReplicaChange {
  const kind = changeKinds[word.charAt(0) as keyof typeof changeKinds]
  return { kind, id: asReplica(Number(word.slice(1))) }
}

function waiterFor(attempt: Attempt): {
  resolve: (result: ProposeResult) => void
  reject: (error: ClustorError) => void
} {
  return {
    resolve: (result) => {
      attempt.result = result
    },
    reject: (error) => {
      attempt.error = error
    },
  }
}
