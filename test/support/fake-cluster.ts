import { SessionTable } from '../../src/apply/sessions.js'
import { ClustorError } from '../../src/base/errors.js'
import { asIndex, asTerm } from '../../src/base/ids.js'
import type { LogIndex } from '../../src/base/ids.js'
import type { OptionsOf } from '../../src/config/options.js'
import { ClientServer } from '../../src/transport/client-server.js'
import type {
  ClientService,
  Consistency,
  PartitionService,
  Reply,
  RequestStamp,
  SubscriptionEntry,
} from '../../src/transport/client-service.js'
import { eventually } from './eventually.js'

/** A proposal as a leader saw it. */
export interface SeenProposal {
  readonly node: number
  readonly session: number
  readonly sequence: number
  readonly acknowledgedSequence: number
  readonly text: string
}

/** What the leader does with a proposal: apply and answer; apply, but the answer is lost; lose it; refuse it. */
export type Fate = 'answer' | 'apply' | 'lose' | ClustorError

/** What applies committed commands and answers queries; by default both echo. */
export interface FakeMachine {
  apply(payload: Uint8Array, index: LogIndex): Uint8Array
  query(request: Uint8Array): Uint8Array
}

const echo: FakeMachine = { apply: (payload) => payload, query: (request) => request }

/** Nodes with real client servers on loopback over one imagined log with the real session table. Consensus is replaced by
 *  the test saying who leads. */
export class FakeCluster {
  readonly entries: SubscriptionEntry[] = []
  readonly seen: SeenProposal[] = []
  readonly nodes: FakeNode[] = []
  /** Decides about each proposal that reaches the leader. */
  fate: (proposal: SeenProposal) => Fate = () => 'answer'
  leader = 0
  /** Whether refusals name the leader. */
  hints = true
  readonly #machine: FakeMachine
  #sessions = new SessionTable()
  #lastIndex = 0
  readonly #changed: (() => void)[] = []

  private constructor(machine: FakeMachine) {
    this.#machine = machine
  }

  static async start(
    nodes: number,
    {
      machine = echo,
      ...options
    }: { machine?: FakeMachine } & Partial<OptionsOf<'transport'>> = {},
  ): Promise<FakeCluster> {
    const cluster = new FakeCluster(machine)
    for (let id = 0; id < nodes; id++) {
      const node = new FakeNode(id, cluster, options)
      cluster.nodes.push(node)
      await node.start()
    }
    return cluster
  }

  get endpoints(): string[] {
    return this.nodes.map(({ address }) => address)
  }

  /** What was applied, in order. */
  get texts(): string[] {
    return this.entries.map(({ payload }) => Buffer.from(payload).toString())
  }

  /** Forgets all sessions, as a table does that is full. */
  expireSessions(): void {
    this.#sessions = new SessionTable()
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()))
  }

  openSession(): LogIndex {
    const index = this.#nextIndex()
    this.#sessions.open(index, { sessionsMax: 100, answersMax: 10_000 })
    return index
  }

  /** Applies a proposal as the replicas would. */
  apply(payload: Uint8Array, stamp: RequestStamp | null): { index: LogIndex; result: Uint8Array } {
    const index = this.#nextIndex()
    if (stamp === null) return { index, result: this.#run(payload, index) }
    const evaluation = this.#sessions.evaluate(index, stamp)
    switch (evaluation.kind) {
      case 'apply':
        evaluation.answer.result = this.#run(payload, index)
        return { index, result: evaluation.answer.result as Uint8Array }
      case 'duplicate':
        return { index, result: evaluation.answer.result as Uint8Array }
      case 'expired':
        throw new ClustorError('ERR_SESSION_EXPIRED', `session ${stamp.session} is unknown`)
      default:
        throw new ClustorError('ERR_SESSION_GAP', `sequence ${stamp.sequence} leaves a gap`)
    }
  }

  query(request: Uint8Array): Uint8Array {
    return this.#machine.query(request)
  }

  /** Resolves when another entry is applied, or the signal aborts. */
  async nextEntry(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve())
      this.#changed.push(resolve)
    })
  }

  #run(payload: Uint8Array, index: LogIndex): Uint8Array {
    this.entries.push({ index, term: asTerm(1), payload: Buffer.from(payload) })
    const result = this.#machine.apply(payload, index)
    for (const wake of this.#changed.splice(0)) wake()
    return result
  }

  #nextIndex(): LogIndex {
    this.#lastIndex += 1
    return asIndex(this.#lastIndex)
  }
}

/** One node of a FakeCluster. */
export class FakeNode implements ClientService, PartitionService {
  readonly cluster = 'c1'
  readonly node: string
  readonly id: number
  readonly proposalBytesMax = 100_000
  address = '127.0.0.1:0'
  server: ClientServer | null = null
  queries = 0
  readonly problems: ClustorError[] = []
  readonly #cluster: FakeCluster
  readonly #options: Partial<OptionsOf<'transport'>>

  constructor(id: number, cluster: FakeCluster, options: Partial<OptionsOf<'transport'>>) {
    this.id = id
    this.node = `n${id}`
    this.#cluster = cluster
    this.#options = options
  }

  /** Listens, on the same port as before. */
  async start(): Promise<void> {
    this.server = await ClientServer.listen({
      listen: this.address,
      service: this,
      options: this.#options,
      onProblem: (error) => this.problems.push(error),
    })
    this.address = this.server.address
  }

  async stop(): Promise<void> {
    await this.server?.close()
    this.server = null
  }

  /** Resolves when so many clients are connected. */
  async hasClients(count: number): Promise<void> {
    await eventually(() => this.server?.connectionCount === count, `${count} clients`)
  }

  partition(name: string): PartitionService | null {
    return name === 'orders' || name === 'default' ? this : null
  }

  status(): unknown {
    return { node: this.node, leader: this.#cluster.leader }
  }

  openSession(reply: Reply): void {
    if (this.#refuse(reply)) return
    reply.answer(this.#cluster.openSession(), new Uint8Array(0))
  }

  propose(payload: Uint8Array, stamp: RequestStamp | null, reply: Reply): void {
    if (this.#refuse(reply)) return
    const seen = {
      node: this.id,
      session: stamp?.session ?? 0,
      sequence: stamp?.sequence ?? 0,
      acknowledgedSequence: stamp?.acknowledgedSequence ?? 0,
      text: Buffer.from(payload).toString(),
    }
    this.#cluster.seen.push(seen)
    const fate = this.#cluster.fate(seen)
    if (fate instanceof ClustorError) reply.fail(fate)
    else if (fate !== 'lose') this.#apply(payload, stamp, fate === 'answer' ? reply : null)
  }

  query(request: Uint8Array, consistency: Consistency, reply: Reply): void {
    this.queries += 1
    if (consistency === 'linearizable' && this.#refuse(reply)) return
    try {
      reply.answer(asIndex(1), this.#cluster.query(request))
    } catch (error) {
      reply.fail(error)
    }
  }

  async *subscribe(
    fromIndex: LogIndex,
    signal: AbortSignal,
  ): AsyncGenerator<readonly SubscriptionEntry[], void> {
    for (let next = Number(fromIndex); !signal.aborted;) {
      const page = this.#cluster.entries.filter(({ index }) => index >= next).slice(0, 10)
      next = (page.at(-1)?.index ?? next - 1) + 1
      if (page.length === 0) await this.#cluster.nextEntry(signal)
      else yield page
    }
  }

  #apply(payload: Uint8Array, stamp: RequestStamp | null, reply: Reply | null): void {
    try {
      const { index, result } = this.#cluster.apply(payload, stamp)
      reply?.answer(index, result)
    } catch (error) {
      reply?.fail(error)
    }
  }

  #refuse(reply: Reply): boolean {
    const { leader, hints, nodes } = this.#cluster
    if (leader === this.id) return false
    const leaderHint = nodes[leader]?.address
    const fields = hints && leaderHint !== undefined ? { leaderHint } : {}
    reply.fail(new ClustorError('ERR_NOT_LEADER', `n${this.id} does not lead`, { fields }))
    return true
  }
}
