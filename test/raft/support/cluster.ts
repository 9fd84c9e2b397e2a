import { SeededRandom } from '../../../src/base/random.js'
import type { Message, MessageKind } from '../../../src/raft/messages.js'
import { SafetyChecker } from './checker.js'
import { Contents } from './contents.js'
import { MemoryDisk, type StoredEntry } from './disk.js'
import { TestReplica, type CoreSettings } from './replica.js'

export type Blocked = (message: Message) => boolean

/** A few cores joined by a network without time: messages arrive in order, at once, unless they are blocked. */
export class Cluster {
  readonly replicas: readonly TestReplica[]
  readonly checker = new SafetyChecker()
  /** Every message that was delivered or dropped, in order. */
  readonly sent: Message[] = []
  #blocked: Blocked = () => false

  constructor(replicas: readonly TestReplica[]) {
    this.replicas = replicas
  }

  replica(id: number): TestReplica {
    const replica = this.replicas[id - 1]
    if (replica === undefined) throw new Error(`no replica ${id}`)
    return replica
  }

  get leaders(): TestReplica[] {
    return this.replicas.filter((replica) => replica.isLeader)
  }

  /** Makes `id` campaign and lets everybody settle; it must win. */
  elect(id: number): this {
    this.replica(id).core.campaign()
    this.settle()
    if (!this.replica(id).isLeader) throw new Error(`replica ${id} did not win`)
    return this
  }

  /** Cuts replicas off from all others. */
  isolate(...ids: number[]): this {
    return this.block(({ from, to }) => ids.includes(from) !== ids.includes(to))
  }

  /** Drops the messages that the predicate names. */
  block(blocked: Blocked): this {
    this.#blocked = blocked
    return this
  }

  heal(): this {
    return this.block(() => false)
  }

  /** Lets ticks pass everywhere, or at the given replicas, settling after each. */
  tick(count: number, ...ids: number[]): this {
    for (let i = 0; i < count; i++) {
      for (const replica of this.replicas) {
        if (ids.length === 0 || ids.includes(replica.id)) replica.tick(1)
      }
      this.settle()
    }
    return this
  }

  /** Persists, delivers and applies until nothing moves. */
  settle(): this {
    for (let round = 0; round < 10_000; round++) {
      for (const replica of this.replicas) replica.settle()
      this.checker.check(this.replicas)
      const messages = this.replicas.flatMap((replica) => replica.takeOutgoing())
      if (messages.length === 0) return this
      for (const message of messages) this.#deliver(message)
    }
    throw new Error('the cluster does not settle')
  }

  /** The messages of one kind that were sent so far. */
  sentOf<Kind extends MessageKind>(kind: Kind): Extract<Message, { kind: Kind }>[] {
    return this.sent.filter((m): m is Extract<Message, { kind: Kind }> => m.kind === kind)
  }

  #deliver(message: Message): void {
    this.sent.push(message)
    if (!this.#blocked(message)) this.replica(message.to).step(message)
  }
}

/** A cluster of `count` voters that have never run.
 *  @param settings `voters` names them when they are not all: the others are to join. */
export function cluster(
  count: number,
  settings: CoreSettings & { readonly voters?: readonly number[] } = {},
): Cluster {
  return clusterOf(
    Array.from({ length: count }, () => ({ terms: [] })),
    settings,
  )
}

/** What one replica of a cluster has on disk at the start. */
export interface Given {
  /** The terms of its entries. */
  readonly terms: readonly number[]
  /** Its current term; that of its last entry unless given. */
  readonly term?: number
}

/** A cluster whose replicas start with the given logs. */
export function clusterOf(
  given: readonly Given[],
  { voters, ...settings }: CoreSettings & { readonly voters?: readonly number[] } = {},
): Cluster {
  const contents = new Contents()
  const ids = given.map((_, position) => position + 1)
  const replicas = given.map(({ terms, term }, position) => {
    const disk = new MemoryDisk()
    disk.entries.push(...terms.map((value, at) => storedEntry(value, at + 1)))
    disk.hardState = { ...disk.hardState, term: (term ?? terms.at(-1) ?? 0) as never }
    const random = new SeededRandom(position + 1)
    return new TestReplica(position + 1, voters ?? ids, { random, ...settings }, { disk, contents })
  })
  return new Cluster(replicas)
}

/** An entry whose content is a function of its term and index, as it is in every log that Raft made. */
const storedEntry = (term: number, index: number): StoredEntry => ({
  term,
  kind: 0,
  bytes: 33 + ((term * 31 + index) % 64),
})
