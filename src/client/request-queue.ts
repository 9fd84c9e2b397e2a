import { ClustorError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { Backoff } from '../transport/backoff.js'
import type { RequestTag } from '../transport/client-codec.js'
import type { FrameWriter } from '../transport/frame-writer.js'
import type { Timer } from '../base/timers.js'
import { aborted, clientClosed, deadlinePassed } from './context.js'
import type { CallOptions, ClientContext } from './context.js'
import type { DeadlineHolder, Deadlines } from './deadlines.js'
import type { NodeConnection, PendingRequest } from './node-connection.js'
import type { Route, RouteUser } from './route.js'

/** Failures that another node may not have, besides the retryable ones. */
const elsewhereCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_APPLY_FAULT',
  'ERR_CLOSED',
  'ERR_LOG_POISONED',
  'ERR_READ_ONLY_FILESYSTEM',
])
/** Failures after which the same node is asked again. */
const stayCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['ERR_BUSY', 'ERR_TIMEOUT'])

/** What an idempotent request gives. */
export interface Answered {
  readonly index: LogIndex
  readonly payload: Buffer
}

/** A request that may be sent any number of times. */
export interface RepeatableRequest {
  /** '' for the node itself. */
  readonly partition: string
  write(writer: FrameWriter, tag: RequestTag): void
}

/** Sends requests that change nothing over a route, again and again until an answer, a lasting refusal or the deadline. */
export class RequestQueue implements RouteUser, DeadlineHolder {
  readonly #route: Route
  readonly #context: ClientContext
  readonly #deadlines: Deadlines
  readonly #backoff: Backoff
  readonly #requests = new Set<Request>()
  #unsent: Request[] = []
  #pause: Timer | null = null
  #earliestDeadlineMs = Infinity
  #closed = false

  constructor(route: Route, context: ClientContext, deadlines: Deadlines) {
    this.#route = route
    this.#context = context
    this.#deadlines = deadlines
    const { retryMsMin, retryMsMax } = context.options
    this.#backoff = new Backoff({ msMin: retryMsMin, msMax: retryMsMax }, context.random)
    route.addUser(this)
    deadlines.add(this)
  }

  get busy(): boolean {
    return this.#requests.size > 0
  }

  /** @throws (by rejection) ERR_TIMEOUT, ERR_ABORTED, ERR_BUSY, ERR_CLOSED, and what the node refuses for good. */
  send(repeatable: RepeatableRequest, { timeoutMs, signal }: CallOptions): Promise<Answered> {
    const refusal = this.#refusal(signal)
    if (refusal !== null) return Promise.reject(refusal)
    const deadlineMs = this.#deadlines.start(timeoutMs ?? this.#context.options.requestTimeoutMs)
    if (deadlineMs < this.#earliestDeadlineMs) this.#earliestDeadlineMs = deadlineMs
    return new Promise((resolve, reject) => {
      const request = new Request(repeatable, deadlineMs, this, resolve, reject)
      if (signal !== undefined) this.#watch(request, signal)
      this.#requests.add(request)
      this.#unsent.push(request)
      this.#pump()
    })
  }

  routeReady(): void {
    this.#pump()
  }

  expire(now: number): void {
    if (now < this.#earliestDeadlineMs) return
    this.#earliestDeadlineMs = Infinity
    for (const request of this.#requests) {
      if (request.deadlineMs <= now) {
        request.end(deadlinePassed(request.lastError ?? this.#route.lastError, 'not-applied'))
      } else {
        this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, request.deadlineMs)
      }
    }
  }

  /** A request is over. */
  finished(request: Request): void {
    this.#requests.delete(request)
  }

  answered(): void {
    this.#route.confirm()
    this.#backoff.reset()
  }

  /** A request failed at a node. */
  failed(request: Request, error: ClustorError, connection: NodeConnection): void {
    if (!error.retryable && !elsewhereCodes.has(error.code)) {
      request.end(error)
      return
    }
    this.#unsent.push(request)
    if (!stayCodes.has(error.code)) {
      this.#route.leave(connection, error)
      this.#pump()
      return
    }
    this.#pause ??= this.#context.timers.after(this.#backoff.next(), () => {
      this.#pause = null
      this.#pump()
    })
  }

  close(): void {
    this.#closed = true
    this.#pause?.cancel()
    for (const request of this.#requests) request.end(clientClosed())
  }

  #refusal(signal: AbortSignal | undefined): ClustorError | null {
    if (this.#closed) return clientClosed()
    if (signal?.aborted === true) return aborted(signal, 'not-applied')
    if (this.#requests.size < this.#context.options.inflightRequestsMax) return null
    return new ClustorError('ERR_BUSY', `${this.#requests.size} requests are under way or waiting`)
  }

  #watch(request: Request, signal: AbortSignal): void {
    const onAbort = (): void => request.end(aborted(signal, 'not-applied'))
    signal.addEventListener('abort', onAbort)
    request.onEnd = () => signal.removeEventListener('abort', onAbort)
  }

  #pump(): void {
    if (this.#unsent.length === 0 || this.#pause !== null || this.#closed) return
    const connection = this.#route.connection
    if (connection === null) return
    const unsent = this.#unsent
    this.#unsent = []
    for (const [position, request] of unsent.entries()) {
      if (connection.clogged) {
        this.#unsent.push(...unsent.slice(position))
        return
      }
      if (!request.isOver) request.sendOver(connection)
    }
  }
}

/** One request, from the call to its end. */
class Request implements PendingRequest {
  readonly deadlineMs: number
  readonly #repeatable: RepeatableRequest
  readonly #queue: RequestQueue
  readonly #resolve: (answered: Answered) => void
  readonly #reject: (error: ClustorError) => void
  lastError: ClustorError | null = null
  isOver = false
  onEnd: (() => void) | null = null
  #connection: NodeConnection | null = null
  #request = 0

  constructor(
    repeatable: RepeatableRequest,
    deadlineMs: number,
    queue: RequestQueue,
    resolve: (answered: Answered) => void,
    reject: (error: ClustorError) => void,
  ) {
    this.deadlineMs = deadlineMs
    this.#repeatable = repeatable
    this.#queue = queue
    this.#resolve = resolve
    this.#reject = reject
  }

  sendOver(connection: NodeConnection): void {
    const tag = connection.begin(this.#repeatable.partition, this)
    this.#connection = connection
    this.#request = tag.request
    this.#repeatable.write(connection.writer, tag)
  }

  answered(index: LogIndex, payload: Buffer): void {
    this.#finish()
    this.#queue.answered()
    this.#resolve({ index, payload })
  }

  failed(error: ClustorError): void {
    const connection = this.#connection
    this.#connection = null
    this.lastError = error
    if (connection !== null) this.#queue.failed(this, error, connection)
  }

  /** Tells the caller why there is no answer. */
  end(error: ClustorError): void {
    if (this.isOver) return
    this.#connection?.forget(this.#request)
    this.#finish()
    this.#reject(error)
  }

  #finish(): void {
    this.isOver = true
    this.#queue.finished(this)
    this.onEnd?.()
  }
}
