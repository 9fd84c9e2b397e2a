import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import type { OptionsOf } from '../config/options.js'
import {
  answerHeadBytes,
  asksNodeStatus,
  readCredit,
  readPropose,
  readQuery,
  readSubscribe,
  readTag,
  writeAnswer,
  writeError,
} from './client-codec.js'
import type { RequestTag } from './client-codec.js'
import type { ClientService, PartitionService, Reply } from './client-service.js'
import { decodeControl, encodePlain, readText } from './control-codec.js'
import type { FramedSocket } from './framed-socket.js'
import { bodyBytesMax, describeType, frameHeadBytes, frameTypes } from './frame-types.js'
import { ServerSubscription } from './server-subscription.js'

/** Subscriptions of one connection: each holds a page of entries in memory. */
const subscriptionsMax = 256
const answerBytesMax = bodyBytesMax - answerHeadBytes
const noIndex = 0 as LogIndex

/** One client after its handshake: hands its requests to the service and sends the answers.
 *  What a client may have under way is bounded; beyond it the connection is not read. */
export class ServerConnection {
  readonly #socket: FramedSocket
  readonly #service: ClientService
  readonly #options: OptionsOf<'transport'>
  /** Partition names by channel number. */
  readonly #channels = new Map<number, string>()
  readonly #subscriptions = new Map<number, ServerSubscription>()
  #requestCount = 0
  #requestBytes = 0
  #paused = false
  #checkScheduled = false

  private constructor(
    socket: FramedSocket,
    service: ClientService,
    options: OptionsOf<'transport'>,
  ) {
    this.#socket = socket
    this.#service = service
    this.#options = options
  }

  /** Takes a connection over from the handshake. */
  static serve(
    socket: FramedSocket,
    service: ClientService,
    options: OptionsOf<'transport'>,
    onClose: (error: ClustorError) => void,
  ): void {
    const connection = new ServerConnection(socket, service, options)
    socket.onDrain(() => connection.#onDrain())
    socket.open({
      onBody: (body) => connection.#onBody(body),
      onClose: (error) => {
        for (const subscription of connection.#subscriptions.values()) subscription.cancel()
        onClose(error)
      },
    })
  }

  /** A request is over. */
  release(requestBytes: number): void {
    this.#requestCount -= 1
    this.#requestBytes -= requestBytes
    if (this.#paused) this.#scheduleCheck()
  }

  #onBody(body: Buffer): void {
    switch (body[0]) {
      case frameTypes.propose:
        this.#onPropose(body)
        break
      case frameTypes.query:
        this.#onQuery(body)
        break
      case frameTypes.openSession:
        this.#onOpenSession(body)
        break
      case frameTypes.openChannel:
        this.#onOpenChannel(body)
        break
      case frameTypes.status:
        this.#onStatus(body)
        break
      default:
        this.#onSubscriptionRequest(body)
    }
    if (!this.#paused && this.#isOverLimit(1)) this.#pause()
  }

  #onPropose(body: Buffer): void {
    const tag = readTag(body)
    const { stamp, payload } = readPropose(body)
    const reply = this.#newReply(tag, body.length)
    this.#partition(tag, reply)?.propose(payload, stamp, reply)
  }

  #onQuery(body: Buffer): void {
    const tag = readTag(body)
    const { consistency, request } = readQuery(body)
    const reply = this.#newReply(tag, body.length)
    this.#partition(tag, reply)?.query(request, consistency, reply)
  }

  #onOpenSession(body: Buffer): void {
    const tag = readTag(body)
    const reply = this.#newReply(tag, body.length)
    this.#partition(tag, reply)?.openSession(reply)
  }

  #onStatus(body: Buffer): void {
    const tag = readTag(body)
    const reply = this.#newReply(tag, body.length)
    const source = asksNodeStatus(body) ? this.#service : this.#partition(tag, reply)
    if (source === null) return
    try {
      reply.answer(noIndex, encodePlain(source.status()))
    } catch (error) {
      reply.fail(error)
    }
  }

  #onOpenChannel(body: Buffer): void {
    const { length } = body
    if (length < frameHeadBytes) throw new ClustorError('ERR_PROTOCOL', 'a channel without number')
    const channel = body.readUInt16LE(2)
    this.#channels.set(channel, readText(decodeControl(body, frameHeadBytes), 'name'))
  }

  #onSubscriptionRequest(body: Buffer): void {
    const type = body[0] ?? 0
    switch (type) {
      case frameTypes.subscribe:
        this.#onSubscribe(body)
        return
      case frameTypes.credit:
        this.#subscriptions.get(readTag(body).request)?.addCredit(readCredit(body))
        return
      case frameTypes.cancel:
        this.#subscriptions.get(readTag(body).request)?.cancel()
        return
      default:
        throw new ClustorError('ERR_PROTOCOL', `type ${describeType(type)} is no request`)
    }
  }

  #onSubscribe(body: Buffer): void {
    const tag = readTag(body)
    const { fromIndex, creditBytes } = readSubscribe(body)
    const reply = this.#newReply(tag, body.length)
    const partition = this.#partition(tag, reply)
    if (partition === null) return
    if (this.#subscriptions.has(tag.request) || this.#subscriptions.size >= subscriptionsMax) {
      reply.fail(new ClustorError('ERR_BUSY', `a connection has ${subscriptionsMax} subscriptions`))
      return
    }
    const limits = { creditBytes, backlogBytesMax: this.#options.connectionBacklogBytesMax }
    const subscription = new ServerSubscription(this.#socket.writer, tag.request, limits)
    this.#subscriptions.set(tag.request, subscription)
    const ended = (): void => {
      this.#subscriptions.delete(tag.request)
      reply.end()
    }
    subscription.run(partition, fromIndex).then(ended, ended)
  }

  /** Null when there is none; the client has been told then. @throws ERR_PROTOCOL for a channel that was not opened. */
  #partition({ channel }: RequestTag, reply: PendingReply): PartitionService | null {
    const name = this.#channels.get(channel)
    if (name === undefined) {
      throw new ClustorError('ERR_PROTOCOL', `channel ${channel} was not opened`)
    }
    const partition = this.#service.partition(name)
    if (partition === null) {
      const message = `node ${this.#service.node} holds no partition ${name}`
      reply.fail(new ClustorError('ERR_PARTITION_UNKNOWN', message, { fields: { name } }))
    }
    return partition
  }

  #newReply({ request }: RequestTag, requestBytes: number): PendingReply {
    this.#requestCount += 1
    this.#requestBytes += requestBytes
    return new PendingReply(this, this.#socket, request, requestBytes)
  }

  #isOverLimit(share: number): boolean {
    const { connectionRequestsMax, connectionRequestBytesMax, connectionBacklogBytesMax } =
      this.#options
    return (
      this.#requestCount >= connectionRequestsMax * share ||
      this.#requestBytes >= connectionRequestBytesMax * share ||
      this.#socket.writer.queuedBytes >= connectionBacklogBytesMax * share
    )
  }

  #pause(): void {
    this.#paused = true
    this.#socket.pauseReading()
  }

  #onDrain(): void {
    for (const subscription of this.#subscriptions.values()) subscription.wake()
    if (this.#paused) this.#scheduleCheck()
  }

  // Later: reading on at once would enter the service from within its own answer.
  #scheduleCheck(): void {
    if (this.#checkScheduled) return
    this.#checkScheduled = true
    setImmediate(() => {
      this.#checkScheduled = false
      // Half, so that a connection at its limit is not stopped and started for every request.
      if (this.#socket.closed || this.#isOverLimit(0.5)) return
      this.#paused = false
      this.#socket.resumeReading()
    })
  }
}

/** Takes the answer of one request to the client, once. */
class PendingReply implements Reply {
  readonly #connection: ServerConnection
  readonly #socket: FramedSocket
  readonly #request: number
  readonly #requestBytes: number
  #open = true

  constructor(
    connection: ServerConnection,
    socket: FramedSocket,
    request: number,
    requestBytes: number,
  ) {
    this.#connection = connection
    this.#socket = socket
    this.#request = request
    this.#requestBytes = requestBytes
  }

  answer(index: LogIndex, payload: Uint8Array): void {
    if (!this.#close()) return
    if (payload.length > answerBytesMax) this.#writeError(answerTooLarge(index, payload.length))
    else if (!this.#socket.closed) writeAnswer(this.#socket.writer, this.#request, index, payload)
  }

  fail(error: unknown): void {
    if (this.#close()) this.#writeError(error)
  }

  /** Nothing is to be sent any more. */
  end(): void {
    this.#close()
  }

  #writeError(error: unknown): void {
    if (!this.#socket.closed) writeError(this.#socket.writer, this.#request, error)
  }

  #close(): boolean {
    const wasOpen = this.#open
    this.#open = false
    if (wasOpen) this.#connection.release(this.#requestBytes)
    return wasOpen
  }
}

const answerTooLarge = (index: LogIndex, answerBytes: number): ClustorError =>
  new ClustorError('ERR_TOO_LARGE', `the answer has ${answerBytes} bytes; ask for less`, {
    outcome: 'unknown',
    fields: { appliedIndex: index, answerBytes, limitBytes: answerBytesMax },
  })
