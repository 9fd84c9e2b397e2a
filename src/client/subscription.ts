import type { ClustorError } from '../base/errors.js'
import { Fifo } from '../base/fifo.js'
import { asIndex } from '../base/ids.js'
import type { LogIndex } from '../base/ids.js'
import {
  entryCreditBytes,
  writeCancel,
  writeCredit,
  writeSubscribe,
} from '../transport/client-codec.js'
import type { RequestTag } from '../transport/client-codec.js'
import type { SubscriptionEntry } from '../transport/client-service.js'
import { aborted, clientClosed } from './context.js'
import type { NodeConnection, PendingRequest } from './node-connection.js'
import type { Route, RouteUser } from './route.js'

/** Bytes of entries that may be on their way or wait for the consumer. */
const creditBytesMax = 1024 * 1024

/** The stream of a partition's committed entries, kept going over lost connections: it asks again behind the last entry it got. */
export class Subscription implements PendingRequest, RouteUser {
  readonly #partition: string
  readonly #route: Route
  readonly #onEnd: () => void
  readonly #entries = new Fifo<SubscriptionEntry>()
  #nextIndex: LogIndex
  #connection: NodeConnection | null = null
  #tag: RequestTag | null = null
  /** Of entries that wait for the consumer. */
  #bufferedBytes = 0
  /** Consumed, and not yet given back to the node as credit. */
  #consumedBytes = 0
  #failure: ClustorError | null = null
  #wake: (() => void) | null = null

  constructor(partition: string, route: Route, fromIndex: LogIndex, onEnd: () => void) {
    this.#partition = partition
    this.#route = route
    this.#nextIndex = fromIndex
    this.#onEnd = onEnd
  }

  /** The entries in order, without gap or repetition. Ends by a throw, or when the consumer stops. */
  async *entries(signal: AbortSignal | undefined): AsyncGenerator<SubscriptionEntry, void> {
    const onAbort = (): void => {
      if (signal === undefined) return
      this.#entries.clear()
      this.end(aborted(signal, 'not-applied'))
    }
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    this.#route.addUser(this)
    this.#subscribe()
    try {
      for (;;) {
        const entry = this.#take()
        if (entry === undefined) await this.#nextChange()
        else yield entry
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      this.end(clientClosed())
    }
  }

  routeReady(): void {
    this.#subscribe()
  }

  entry(entry: SubscriptionEntry): void {
    this.#entries.push(entry)
    this.#bufferedBytes += creditOf(entry)
    this.#nextIndex = asIndex(entry.index + 1)
    this.#route.confirm()
    this.#notify()
  }

  answered(): void {
    // A subscription has no answer, only entries and an error at its end.
  }

  failed(error: ClustorError): void {
    const connection = this.#connection
    this.#connection = null
    if (!error.retryable && error.code !== 'ERR_CLOSED') {
      this.end(error)
    } else if (connection !== null) {
      this.#route.leave(connection, error)
      this.#subscribe()
    }
  }

  /** No more entries come; what is buffered is still handed out before the error, unless the consumer has stopped. */
  end(error: ClustorError): void {
    this.#failure ??= error
    this.#route.removeUser(this)
    if (this.#connection?.ready === true && this.#tag !== null) {
      this.#connection.forget(this.#tag.request)
      writeCancel(this.#connection.writer, this.#tag)
    }
    this.#connection = null
    this.#onEnd()
    this.#notify()
  }

  #subscribe(): void {
    if (this.#connection !== null || this.#failure !== null) return
    const connection = this.#route.connection
    if (connection === null) return
    this.#connection = connection
    this.#consumedBytes = 0
    this.#tag = connection.begin(this.#partition, this)
    writeSubscribe(connection.writer, this.#tag, {
      fromIndex: this.#nextIndex,
      creditBytes: Math.max(0, creditBytesMax - this.#bufferedBytes),
    })
  }

  #take(): SubscriptionEntry | undefined {
    const entry = this.#entries.shift()
    if (entry === undefined) {
      if (this.#failure !== null) throw this.#failure
      return undefined
    }
    this.#bufferedBytes -= creditOf(entry)
    this.#consumedBytes += creditOf(entry)
    if (this.#consumedBytes >= creditBytesMax / 2) this.#giveCredit()
    return entry
  }

  #giveCredit(): void {
    if (this.#connection?.ready !== true || this.#tag === null) return
    writeCredit(this.#connection.writer, this.#tag, this.#consumedBytes)
    this.#consumedBytes = 0
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  #notify(): void {
    this.#wake?.()
    this.#wake = null
  }
}

const creditOf = ({ payload }: SubscriptionEntry): number => entryCreditBytes + payload.length
