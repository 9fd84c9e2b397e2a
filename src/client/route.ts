import type { ClustorError } from '../base/errors.js'
import { Backoff } from '../transport/backoff.js'
import { isAddress } from '../transport/sockets.js'
import type { Timer } from '../base/timers.js'
import type { ClientContext } from './context.js'
import type { ConnectionUser, NodeConnection } from './node-connection.js'
import type { NodePool } from './node-pool.js'

/** Longest pause between two looks for the leader: an election takes 150 to 300 ms, and what is added here is downtime. */
const seekMsMax = 50

/** Who uses a route. */
export interface RouteUser {
  /** Requests can be sent, or sent again. */
  routeReady(): void
  /** An attempt failed; `failures` in a row by then. */
  routeFailed?(error: ClustorError, failures: number): void
}

/** The way to the node that should be asked: the leader of a partition, or any node. Looks for another one when a request
 *  shows that this was the wrong one: the one that the refusal names, else the next endpoint. */
export class Route implements ConnectionUser {
  readonly #pool: NodePool
  readonly #endpoints: readonly string[]
  readonly #context: ClientContext
  readonly #backoff: Backoff
  readonly #users = new Set<RouteUser>()
  #connection: NodeConnection | null = null
  #retry: Timer | null = null
  #position: number
  #followedHint = false
  /** The address that failed last: old leaders are named for as long as an election takes. */
  #failedAddress = ''
  #lastError: ClustorError | null = null
  #failures = 0
  #closed = false

  constructor(pool: NodePool, endpoints: readonly string[], context: ClientContext) {
    this.#pool = pool
    this.#endpoints = endpoints
    this.#context = context
    const { retryMsMin, retryMsMax } = context.options
    const msMax = Math.min(retryMsMax, seekMsMax)
    this.#backoff = new Backoff({ msMin: retryMsMin, msMax }, context.random)
    // Clients that start together do not all ask the same node first.
    this.#position = context.random.nextUint32() % endpoints.length
  }

  /** Why the last attempt failed; null when none has since the last answer. */
  get lastError(): ClustorError | null {
    return this.#lastError
  }

  addUser(user: RouteUser): void {
    this.#users.add(user)
  }

  removeUser(user: RouteUser): void {
    this.#users.delete(user)
  }

  /** The connection to use now, or null: then routeReady follows. */
  get connection(): NodeConnection | null {
    if (this.#connection === null && this.#retry === null && !this.#closed) this.#connectNext()
    return this.#connection?.ready === true ? this.#connection : null
  }

  /** An answer came: the route is right. */
  confirm(): void {
    if (this.#lastError === null) return
    this.#backoff.reset()
    this.#followedHint = false
    this.#failedAddress = ''
    this.#lastError = null
    this.#failures = 0
  }

  /** A request over a connection showed that another node should be asked. Later reports about the same one have no effect. */
  leave(connection: NodeConnection, error: ClustorError): void {
    if (this.#closed || connection !== this.#connection) return
    this.#connection = null
    connection.removeUser(this)
    this.#noteFailure(connection, error)
    const hint = hintOf(error)
    if (hint !== null && hint !== connection.address && hint !== this.#failedAddress) {
      this.#follow(hint)
    } else {
      this.#retryNext(connection, error)
    }
  }

  connectionReady(): void {
    for (const user of [...this.#users]) user.routeReady()
  }

  connectionEnded(connection: NodeConnection, error: ClustorError): void {
    this.leave(connection, error)
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#connection?.removeUser(this)
    this.#connection = null
  }

  #noteFailure(connection: NodeConnection, error: ClustorError): void {
    this.#lastError = error
    this.#failures += 1
    if (connection.ended) this.#failedAddress = connection.address
    else if (this.#failures % (2 * this.#endpoints.length) === 0) this.#failedAddress = ''
    for (const user of [...this.#users]) user.routeFailed?.(error, this.#failures)
  }

  #follow(hint: string): void {
    const pauseMs = this.#followedHint ? this.#backoff.next() : 0
    this.#followedHint = true
    this.#later(pauseMs, hint)
  }

  #retryNext(connection: NodeConnection, error: ClustorError): void {
    this.#followedHint = false
    const fresh = this.#failures === 1 && this.#endpoints.length > 1
    const address = this.#nextEndpoint(connection.address)
    this.#later(fresh && error.code !== 'ERR_NOT_LEADER' ? 0 : this.#backoff.next(), address)
  }

  #nextEndpoint(except: string): string {
    for (let tries = 0; tries < this.#endpoints.length; tries++) {
      this.#position = (this.#position + 1) % this.#endpoints.length
      if (this.#endpoints[this.#position] !== except) break
    }
    return this.#endpoints[this.#position] ?? except
  }

  #later(pauseMs: number, address: string): void {
    this.#retry?.cancel()
    this.#retry = this.#context.timers.after(pauseMs, () => {
      this.#retry = null
      this.#connect(address)
    })
  }

  #connectNext(): void {
    this.#connect(this.#endpoints[this.#position] ?? '')
  }

  #connect(address: string): void {
    const connection = this.#pool.get(address)
    this.#connection = connection
    connection.addUser(this)
    if (connection.ready) this.connectionReady()
  }
}

/** The client address of the leader, if a refusal names one. */
function hintOf({ fields }: ClustorError): string | null {
  const hint = fields['leaderHint']
  return typeof hint === 'string' && isAddress(hint) ? hint : null
}
