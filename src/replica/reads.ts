import { ClustorError } from '../base/errors.js'
import { Fifo } from '../base/fifo.js'
import type { LogIndex } from '../base/ids.js'
import type { ReadState } from '../raft/ready.js'

/** A read: told once, when the state machine has applied enough, or that it will not be served. */
export interface ReadRequest {
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  /** Whether a follower may serve it, by asking its leader. */
  readonly anywhere: boolean
  /** Runs between two batches of the state machine. */
  serve(appliedIndex: LogIndex): void
  reject(error: ClustorError): void
}

/** A read that may have been answered; a round keeps it until the round ends. */
class PendingRead {
  readonly deadlineMs: number
  readonly anywhere: boolean
  readonly #signal: AbortSignal | undefined
  #request: ReadRequest | null
  #onAbort: (() => void) | undefined

  constructor(request: ReadRequest) {
    this.#request = request
    this.deadlineMs = request.deadlineMs
    this.anywhere = request.anywhere
    this.#signal = request.signal
  }

  get isOpen(): boolean {
    return this.#request !== null
  }

  listen(onAbort: () => void): void {
    this.#onAbort = onAbort
    this.#signal?.addEventListener('abort', onAbort, { once: true })
  }

  /** The request, once: whoever comes later gets null. */
  release(): ReadRequest | null {
    const request = this.#request
    this.#request = null
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort)
    return request
  }
}

interface ConfirmedRound {
  readonly index: LogIndex
  readonly reads: readonly PendingRead[]
}

interface IndexedRead {
  readonly index: LogIndex
  readonly read: PendingRead
}

/** Rounds that may wait for their quorum; later reads share the next one. Two would do on a fast network, more hide
 *  the latency of a slow one; a round costs a heartbeat to each follower. */
const roundsInFlightMax = 4

/** The reads of one partition that wait. Linearizable ones (Raft dissertation §6.4) share one round a turn, and each is
 *  served when the state machine has applied the commit index of the moment at which the round began. Others name the index
 *  that they need. */
export class ReadQueue {
  readonly #countMax: number
  #waiting: PendingRead[] = []
  readonly #rounds = new Map<number, readonly PendingRead[]>()
  /** Their indexes never fall: the commit index does not. */
  readonly #confirmed = new Fifo<ConfirmedRound>()
  /** Reads that name the index which they need, in no order. */
  #indexed: IndexedRead[] = []
  #firstIndexed = Infinity
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
    const read = this.#admit(request)
    if (read !== null) this.#waiting.push(read)
  }

  /** Queues a read that needs no round, only a state in which `index` is applied; refuses as `add`. */
  addAt(index: LogIndex, request: ReadRequest): void {
    const read = this.#admit(request)
    if (read === null) return
    this.#indexed.push({ index, read })
    this.#firstIndexed = Math.min(this.#firstIndexed, index)
  }

  /** Refuses the waiting reads that only a leader may serve.
   *  @returns whether there were any. */
  refuseAtFollower(error: () => ClustorError): boolean {
    const refused = this.#waiting.filter(({ anywhere }) => !anywhere)
    if (refused.length === 0) return false
    this.#waiting = this.#waiting.filter(({ anywhere }) => anywhere)
    for (const read of refused) this.#reject(read, error())
    return true
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
    const reads = this.#rounds.get(context)
    if (reads === undefined) return
    this.#rounds.delete(context)
    this.#confirmed.push({ index, reads })
  }

  /** A round will never be confirmed. */
  dropped(context: number, error: () => ClustorError): void {
    const reads = this.#rounds.get(context) ?? []
    this.#rounds.delete(context)
    for (const read of reads) this.#reject(read, error())
  }

  /** Serves what the applied state is good enough for. Call it between batches only. */
  serve(appliedIndex: LogIndex): void {
    this.#serveIndexed(appliedIndex)
    for (let next = this.#confirmed.peek(); next !== undefined; next = this.#confirmed.peek()) {
      if (next.index > appliedIndex) return
      this.#confirmed.shift()
      for (const read of next.reads) this.#finish(read)?.serve(appliedIndex)
    }
  }

  #serveIndexed(appliedIndex: LogIndex): void {
    if (appliedIndex < this.#firstIndexed) return
    const due = this.#indexed.filter(({ index }) => index <= appliedIndex)
    this.#indexed = this.#indexed.filter(({ index }) => index > appliedIndex)
    this.#firstIndexed = Math.min(...this.#indexed.map(({ index }) => index))
    for (const { read } of due) this.#finish(read)?.serve(appliedIndex)
  }

  /** Fails what is past its deadline. */
  expire(nowMs: number): void {
    if (this.#pendingCount === 0) return
    for (const read of this.#all()) {
      if (!read.isOpen || read.deadlineMs > nowMs) continue
      const message = 'the read was not served before its deadline'
      this.#reject(read, new ClustorError('ERR_TIMEOUT', message))
    }
    this.#waiting = this.#waiting.filter(({ isOpen }) => isOpen)
    this.#indexed = this.#indexed.filter(({ read }) => read.isOpen)
  }

  /** Fails everything. */
  failAll(error: () => ClustorError): void {
    for (const read of this.#all()) {
      if (read.isOpen) this.#reject(read, error())
    }
    this.#waiting = []
    this.#rounds.clear()
    this.#confirmed.clear()
    this.#indexed = []
  }

  #admit(request: ReadRequest): PendingRead | null {
    const { signal } = request
    if (signal?.aborted === true) {
      request.reject(aborted(signal))
      return null
    }
    if (this.#pendingCount >= this.#countMax) {
      const message = `${this.#pendingCount} reads are under way already`
      request.reject(new ClustorError('ERR_BUSY', message))
      return null
    }
    const read = new PendingRead(request)
    this.#pendingCount += 1
    if (signal !== undefined) read.listen(() => this.#reject(read, aborted(signal)))
    return read
  }

  *#all(): Iterable<PendingRead> {
    yield* this.#waiting
    for (const reads of this.#rounds.values()) yield* reads
    for (const { reads } of this.#confirmed) yield* reads
    for (const { read } of this.#indexed) yield read
  }

  #reject(read: PendingRead, error: ClustorError): void {
    this.#finish(read)?.reject(error)
  }

  #finish(read: PendingRead): ReadRequest | null {
    const request = read.release()
    if (request !== null) this.#pendingCount -= 1
    return request
  }
}

const aborted = (signal: AbortSignal): ClustorError =>
  new ClustorError('ERR_ABORTED', 'the caller aborted the read', { cause: signal.reason })
