import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { readAnswer, readEntry, readTag, writeOpenChannel } from '../transport/client-codec.js'
import type { RequestTag } from '../transport/client-codec.js'
import type { SubscriptionEntry } from '../transport/client-service.js'
import { decodeError, readInteger } from '../transport/control-codec.js'
import { FramedSocket, silentChecksMax } from '../transport/framed-socket.js'
import type { FrameWriter } from '../transport/frame-writer.js'
import { describeType, frameTypes } from '../transport/frame-types.js'
import { encodeGreeting, protocolVersions, readWelcome } from '../transport/handshake.js'
import { dialSocket, parseAddress } from '../transport/sockets.js'
import type { Timer } from '../base/timers.js'
import type { ClientContext } from './context.js'

/** Bytes that may wait in a connection before its users hold back, so that what waits can still go elsewhere. */
const backlogBytesMax = 1024 * 1024
const requestIdsMax = 2 ** 32

/** A request that was sent and is not answered. Exactly one of `answered` and `failed` is called, unless it was forgotten. */
export interface PendingRequest {
  answered(index: LogIndex, payload: Buffer): void
  failed(error: ClustorError): void
  /** Only a subscription gets these. */
  entry?(entry: SubscriptionEntry): void
}

/** Who waits for a connection. */
export interface ConnectionUser {
  /** The handshake is over, or the connection takes more after it was clogged. */
  connectionReady(connection: NodeConnection): void
  /** The connection or the attempt is over; pending requests have failed already. */
  connectionEnded(connection: NodeConnection, error: ClustorError): void
}

/** The connection to one node: handshake, channels, request ids. */
export class NodeConnection {
  readonly address: string
  /** Largest payload of a proposal that the node takes; known once it is ready. */
  proposalBytesMax = 0
  readonly #context: ClientContext
  readonly #socket: FramedSocket
  readonly #users = new Set<ConnectionUser>()
  readonly #channels = new Map<string, number>()
  readonly #pending = new Map<number, PendingRequest>()
  #lastRequest = 0
  #ready = false
  readonly #deadline: Timer
  #silenceCheck: Timer | null = null
  #ended: ClustorError | null = null

  /** Begins to connect. */
  constructor(address: string, context: ClientContext) {
    this.address = address
    this.#context = context
    const raw = dialSocket(parseAddress(address), context.secure, () => this.#sayHello())
    this.#socket = new FramedSocket(raw, context.timers, {
      onBody: (body) => this.#onWelcome(body),
      onClose: (error) => this.#onClose(error),
    })
    this.#socket.onDrain(() => this.#tellReady())
    this.#deadline = context.timers.after(context.connectTimeoutMs, () =>
      this.close(new ClustorError('ERR_TIMEOUT', `${address} took too long to connect`)),
    )
  }

  get ready(): boolean {
    return this.#ready && this.#ended === null
  }

  get ended(): boolean {
    return this.#ended !== null
  }

  /** More than enough waits to be sent: come back at the next connectionReady. */
  get clogged(): boolean {
    return this.#socket.writer.queuedBytes >= backlogBytesMax
  }

  get writer(): FrameWriter {
    return this.#socket.writer
  }

  get closed(): Promise<void> {
    return this.#socket.whenClosed
  }

  addUser(user: ConnectionUser): void {
    this.#users.add(user)
  }

  removeUser(user: ConnectionUser): void {
    this.#users.delete(user)
  }

  /** Gives a request its id, and the channel of its partition; '' for the node itself. The caller writes it at once. */
  begin(partition: string, request: PendingRequest): RequestTag {
    if (this.#pending.size === 0) this.#watchSilence()
    do this.#lastRequest = (this.#lastRequest + 1) % requestIdsMax
    while (this.#pending.has(this.#lastRequest))
    this.#pending.set(this.#lastRequest, request)
    const channel = partition === '' ? 0 : this.#channel(partition)
    return { channel, request: this.#lastRequest }
  }

  /** The answer of a request does not matter any more. */
  forget(request: number): void {
    this.#pending.delete(request)
  }

  close(error: ClustorError): void {
    this.#socket.close(error)
  }

  #channel(partition: string): number {
    let channel = this.#channels.get(partition)
    if (channel === undefined) {
      channel = this.#channels.size
      this.#channels.set(partition, channel)
      writeOpenChannel(this.#socket.writer, channel, partition)
    }
    return channel
  }

  #sayHello(): void {
    const { cluster } = this.#context
    this.#socket.writer.frame(
      encodeGreeting('hello', { ...protocolVersions, purpose: 'client', cluster }),
    )
  }

  #onWelcome(body: Buffer): void {
    this.proposalBytesMax = readInteger(readWelcome(body), 'proposalBytesMax')
    this.#deadline.cancel()
    this.#ready = true
    this.#socket.open({
      onBody: (answer) => this.#onAnswer(answer),
      onClose: (error) => this.#onClose(error),
    })
    this.#tellReady()
  }

  #onAnswer(body: Buffer): void {
    const { request } = readTag(body)
    const pending = this.#pending.get(request)
    switch (body[0]) {
      case frameTypes.answer: {
        const { index, payload } = readAnswer(body)
        this.#pending.delete(request)
        pending?.answered(index, payload)
        return
      }
      case frameTypes.error:
        this.#pending.delete(request)
        pending?.failed(decodeError(body, 8))
        return
      case frameTypes.entry:
        pending?.entry?.(readEntry(body))
        return
      default:
        throw new ClustorError('ERR_PROTOCOL', `type ${describeType(body[0] ?? 0)} is no answer`)
    }
  }

  #onClose(error: ClustorError): void {
    this.#ended = error
    this.#deadline.cancel()
    this.#silenceCheck?.cancel()
    // Live: the first one of a session to fail forgets the others.
    for (const [id, request] of this.#pending) {
      this.#pending.delete(id)
      request.failed(error)
    }
    for (const user of [...this.#users]) user.connectionEnded(this, error)
  }

  #tellReady(): void {
    if (this.ready) for (const user of [...this.#users]) user.connectionReady(this)
  }

  // Only while an answer is due: an idle connection costs nothing.
  #watchSilence(): void {
    if (this.#silenceCheck !== null) return
    const pauseMs = this.#context.connectTimeoutMs / silentChecksMax
    this.#silenceCheck = this.#context.timers.after(pauseMs, () => {
      this.#silenceCheck = null
      if (this.#pending.size === 0 || this.#ended !== null) return
      this.#socket.checkSilence()
      this.#watchSilence()
    })
  }
}
