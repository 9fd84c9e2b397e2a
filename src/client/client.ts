import type tls from 'node:tls'

import { ClustorError } from '../base/errors.js'
import { asIndex } from '../base/ids.js'
import type { LogIndex } from '../base/ids.js'
import type { Random } from '../base/random.js'
import type { OptionsOf } from '../config/options.js'
import { optionTable } from '../config/options.js'
import { readOption, resolveGroup } from '../config/resolve.js'
import { proposalHeadBytesMax, writeQuery, writeStatus } from '../transport/client-codec.js'
import type { Consistency, SubscriptionEntry } from '../transport/client-service.js'
import { decodePlain } from '../transport/control-codec.js'
import { bodyBytesMax } from '../transport/frame-types.js'
import { parseAddress } from '../transport/sockets.js'
import { systemTimers } from '../transport/timers.js'
import { clientClosed } from './context.js'
import type { CallOptions, ClientContext } from './context.js'
import { firstConnection } from './first-connection.js'
import { Deadlines } from './deadlines.js'
import { KeyValueClient } from './key-value-client.js'
import { NodePool } from './node-pool.js'
import type { Proposed } from './proposal.js'
import { ProposalSession } from './proposal-session.js'
import { RequestQueue } from './request-queue.js'
import { Route } from './route.js'
import { Subscription } from './subscription.js'

/** How to reach a cluster. Every option of the group `client` may be given too. */
export interface ClientOptions extends Partial<OptionsOf<'client'>> {
  /** Client addresses of some of its nodes, `host:port`; others are found through them. */
  readonly endpoints: readonly string[]
  /** The cluster's name; absent: whatever cluster answers. */
  readonly cluster?: string | undefined
  /** Certificates; absent: plain TCP. */
  readonly tls?: tls.ConnectionOptions | undefined
  /** Time that a connection attempt may take. */
  readonly connectTimeoutMs?: number | undefined
  /** Ends `connect`; has no effect on a connected client. */
  readonly signal?: AbortSignal | undefined
}

/** How a query is answered. */
export interface QueryOptions extends CallOptions {
  /** `linearizable` (the default) sees every write that was acknowledged before the query began; `local` asks any one of
   *  the given endpoints for what it has applied. */
  readonly consistency?: Consistency | undefined
}

/** Where a subscription begins. */
export interface SubscribeOptions {
  /** The first index to deliver; default 1. */
  readonly from?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** Which status. */
export interface StatusOptions extends CallOptions {
  /** Absent: the node as a whole. */
  readonly partition?: string | undefined
}

interface PartitionAccess {
  readonly route: Route
  readonly session: ProposalSession
  readonly queries: RequestQueue
}

/** A client of a cluster: one connection per node, any number of requests under way at a time.
 *
 *  It finds the leader of a partition and follows it. Every failure is a ClustorError whose `outcome` says whether the
 *  proposal may still be applied. An open client keeps the process alive; a closed one does not. */
export class Client {
  readonly #endpoints: readonly string[]
  readonly #context: ClientContext
  readonly #pool: NodePool
  readonly #deadlines: Deadlines
  /** To any of the given endpoints. */
  readonly #anyRoute: Route
  readonly #anyQueue: RequestQueue
  readonly #partitions = new Map<string, PartitionAccess>()
  readonly #subscriptions = new Set<Subscription>()
  #closed: Promise<void> | null = null

  private constructor(endpoints: readonly string[], context: ClientContext) {
    this.#endpoints = endpoints
    this.#context = context
    this.#pool = new NodePool(context)
    this.#deadlines = new Deadlines(context.timers)
    this.#anyRoute = new Route(this.#pool, endpoints, context)
    this.#anyQueue = new RequestQueue(this.#anyRoute, context, this.#deadlines)
  }

  /** Resolves when one endpoint has answered.
   *  @throws (by rejection) ERR_UNAVAILABLE when each one was tried in vain, or requestTimeoutMs has passed;
   *  ERR_CLUSTER_MISMATCH or ERR_VERSION_MISMATCH when a node refused; ERR_ABORTED by the signal; ERR_INVALID_ARGUMENT
   *  for options that are not valid. */
  static async connect(options: ClientOptions): Promise<Client> {
    const { signal } = options
    const client = new Client(readEndpoints(options), readContext(options))
    try {
      await firstConnection(client.#anyRoute, client.#endpoints, client.#context, signal)
      return client
    } catch (error) {
      await client.close()
      throw error
    }
  }

  /** Proposes a payload to a partition's state machine: applied exactly once, in the order of the calls to this partition,
   *  through lost connections and changes of leader. The bytes are copied before the call returns.
   *  @returns the entry's index and what the state machine answered.
   *  @throws (by rejection) ERR_TIMEOUT and ERR_ABORTED (the proposal goes on if it was sent: outcome unknown);
   *  ERR_SESSION_EXPIRED (outcome unknown for what was under way); ERR_TOO_LARGE; ERR_BUSY when inflightRequestsMax or
   *  inflightRequestBytesMax are used up; ERR_CLOSED. */
  propose(partition: string, payload: Uint8Array, options: CallOptions = {}): Promise<Proposed> {
    if (this.#closed !== null) return Promise.reject(clientClosed())
    return this.#access(partition).session.propose(Buffer.from(payload), options)
  }

  /** Asks a partition's state machine, through its `query`. The bytes must not change until the answer is there.
   *  @throws (by rejection) ERR_TIMEOUT, ERR_ABORTED, ERR_BUSY, ERR_CLOSED, ERR_TOO_LARGE, and what the state machine throws. */
  async query(
    partition: string,
    request: Uint8Array,
    options: QueryOptions = {},
  ): Promise<Uint8Array> {
    const consistency = options.consistency ?? 'linearizable'
    assertFits(request)
    const queue = consistency === 'local' ? this.#anyQueue : this.#access(partition).queries
    const { payload } = await queue.send(
      { partition, write: (writer, tag) => writeQuery(writer, tag, consistency, request) },
      options,
    )
    return payload
  }

  /** The applied proposals of a partition from an index on, in order, without gap or repetition, also over lost
   *  connections. Never ends by itself. The pace is the consumer's.
   *  @throws (by rejection) ERR_INDEX_COMPACTED when entries from there on are gone; ERR_ABORTED; ERR_CLOSED. */
  subscribe(
    partition: string,
    { from = 1, signal }: SubscribeOptions = {},
  ): AsyncGenerator<SubscriptionEntry, void> {
    if (this.#closed !== null) throw clientClosed()
    const subscription = new Subscription(partition, this.#anyRoute, asFirstIndex(from), () =>
      this.#subscriptions.delete(subscription),
    )
    this.#subscriptions.add(subscription)
    return subscription.entries(signal)
  }

  /** What one of the endpoints says about itself, or about one of its partitions: plain data.
   *  @throws (by rejection) as query. */
  async status({ partition, ...options }: StatusOptions = {}): Promise<unknown> {
    const of = partition === undefined ? 'node' : 'partition'
    const { payload } = await this.#anyQueue.send(
      { partition: partition ?? '', write: (writer, tag) => writeStatus(writer, tag, of) },
      options,
    )
    return decodePlain(payload, bodyBytesMax)
  }

  /** The calls of the built-in key-value machine on a partition. */
  keyValue(partition: string): KeyValueClient {
    return new KeyValueClient({
      propose: (payload, options) => this.#access(partition).session.propose(payload, options),
      query: (request, options) => this.query(partition, request, options),
    })
  }

  /** Ends all connections. What is under way fails with ERR_CLOSED; what was sent may still be applied. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeAll(): Promise<void> {
    for (const { session, queries, route } of this.#partitions.values()) {
      session.close()
      queries.close()
      route.close()
    }
    this.#anyQueue.close()
    this.#anyRoute.close()
    for (const subscription of this.#subscriptions) subscription.end(clientClosed())
    this.#deadlines.close()
    await this.#pool.close(clientClosed())
  }

  #access(partition: string): PartitionAccess {
    if (this.#closed !== null) throw clientClosed()
    let access = this.#partitions.get(partition)
    if (access === undefined) {
      const route = new Route(this.#pool, this.#endpoints, this.#context)
      access = {
        route,
        session: new ProposalSession(partition, route, this.#context, this.#deadlines),
        queries: new RequestQueue(route, this.#context, this.#deadlines),
      }
      this.#partitions.set(partition, access)
    }
    return access
  }
}

function readEndpoints({ endpoints }: ClientOptions): readonly string[] {
  for (const endpoint of endpoints) parseAddress(endpoint)
  if (endpoints.length > 0) return [...new Set(endpoints)]
  throw new ClustorError('ERR_INVALID_ARGUMENT', 'endpoints is empty; name at least one node')
}

function readContext(options: ClientOptions): ClientContext {
  const {
    endpoints: _endpoints,
    signal: _signal,
    cluster = null,
    tls: secure,
    connectTimeoutMs = optionTable.connectTimeoutMs.default,
    ...values
  } = options
  const source = 'Client.connect'
  return {
    options: resolveGroup(['client'], [{ source, values }]),
    connectTimeoutMs: Number(readOption('connectTimeoutMs', connectTimeoutMs, source)),
    cluster,
    secure,
    timers: systemTimers,
    random: processRandom,
  }
}

/** Spreads pauses; nothing is decided by it. */
const processRandom: Random = { nextUint32: () => Math.floor(Math.random() * 2 ** 32) }

function asFirstIndex(from: number): LogIndex {
  if (Number.isSafeInteger(from) && from >= 1) return asIndex(from)
  throw new ClustorError('ERR_INVALID_ARGUMENT', `from is ${from}; it must be an index from 1 up`)
}

function assertFits(request: Uint8Array): void {
  const limitBytes = bodyBytesMax - proposalHeadBytesMax
  if (request.length <= limitBytes) return
  throw new ClustorError('ERR_TOO_LARGE', `a query has at most ${limitBytes} bytes`, {
    fields: { requestBytes: request.length, limitBytes },
  })
}
