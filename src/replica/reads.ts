import { ClustorError } from '../base/errors.js'
import { Fifo } from '../base/fifo.js'
import type { LogIndex } from '../base/ids.js'
import type { ReadState } from '../raft/ready.js'

/** A linearizable read: told once, when the state machine has applied enough, or that it will not be served. */
export interface ReadRequest {
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** Runs between two batches of the state machine. */
  serve(appliedIndex: LogIndex): void
  reject(error: ClustorError): void
}

interface ConfirmedRound {
  readonly index: LogIndex
  readonly requests: readonly ReadRequest[]
}

/** Rounds that may wait for their quorum; later reads share the next one. Two would do on a fast network, more hide
 *  the latency of a slow one; a round costs a heartbeat to each follower. */
const roundsInFlightMax = 4

/** The linearizable reads of one partition (Raft dissertation §6.4): all reads of a turn share one round, and each is
 *  served when the state machine has applied the commit index of the moment at which the round began. */
export class ReadQueue {
  readonly #countMax: number
  #waiting: ReadRequest[] = []
  readonly #rounds = new Map<number, readonly ReadRequest[]>()
  /** Their indexes never fall: the commit index does not. */
  readonly #confirmed = new Fifo<ConfirmedRound>()
  readonly #done = new WeakSet<ReadRequest>()
  #lastContext = 0
  #pendingCount = 0

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  /** Reads that have not been answered. */
  get pendingCount(): number {
    return this.#pendingCount
  }

  /** Queues a read, or rejects it with ERR_BUSY or ERR_ABORTED at once. */
  add(request: ReadRequest): void {
    const { signal } = request
    if (signal?.aborted === true) {
      request.reject(
        new ClustorError('ERR_ABORTED', 'the caller aborted the read', { cause: signal.reason }),
      )
      return
    }
    if (this.#pendingCount >= this.#countMax) {
      request.reject(
        new ClustorError('ERR_BUSY', `${this.#pendingCount} reads are under way already`),
      )
      return
    }
    this.#pendingCount += 1
    this.#waiting.push(request)
    signal?.addEventListener(
      'abort',
      () => {
        this.#reject(
          request,
          new ClustorError('ERR_ABORTED', 'the caller aborted the read', { cause: signal.reason }),
        )
      },
      { once: true },
    )
  }

  /** Starts a round for everything that waits: returns its context, unique in this process, or null for nothing to do. */
  startRound(): number | null {
    if (this.#waiting.length === 0 || this.#rounds.size >= roundsInFlightMax) return null
    this.#lastContext += 1
    this.#rounds.set(this.#lastContext, this.#waiting)
    this.#waiting = []
    return this.#lastContext
  }

  /** A quorum confirmed the leadership. */
  confirmed({ context, index }: ReadState): void {
    const requests = this.#rounds.get(context)
    if (requests === undefined) return
    this.#rounds.delete(context)
    this.#confirmed.push({ index, requests })
  }

  /** A round will never be confirmed. */
  dropped(context: number, error: () => ClustorError): void {
    const requests = this.#rounds.get(context) ?? []
    this.#rounds.delete(context)
    for (const request of requests) this.#reject(request, error())
  }

  /** Serves what the applied state is good enough for. Call it between batches only. */
  serve(appliedIndex: LogIndex): void {
    for (let next = this.#confirmed.peek(); next !== undefined; next = this.#confirmed.peek()) {
      if (next.index > appliedIndex) return
      this.#confirmed.shift()
      for (const request of next.requests) {
        if (this.#finish(request)) request.serve(appliedIndex)
      }
    }
  }

  /** Fails what is past its deadline. */
  expire(nowMs: number): void {
    if (this.#pendingCount === 0) return
    for (const request of this.#all()) {
      if (request.deadlineMs > nowMs) continue
      this.#reject(
        request,
        new ClustorError('ERR_TIMEOUT', 'the read was not served before its deadline'),
      )
    }
    this.#waiting = this.#waiting.filter((request) => !this.#done.has(request))
  }

  /** Fails everything. */
  failAll(error: () => ClustorError): void {
    for (const request of this.#all()) this.#reject(request, error())
    this.#waiting = []
    this.#rounds.clear()
    this.#confirmed.clear()
  }

  *#all(): Iterable<ReadRequest> {
    yield* this.#waiting
    for (const requests of this.#rounds.values()) yield* requests
    for (const { requests } of this.#confirmed) yield* requests
  }

  #reject(request: ReadRequest, error: ClustorError): void {
    if (this.#finish(request)) request.reject(error)
  }

  #finish(request: ReadRequest): boolean {
    if (this.#done.has(request)) return false
    this.#done.add(request)
    this.#pendingCount -= 1
    return true
  }
}
