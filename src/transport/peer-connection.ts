import { ClustorError } from '../base/errors.js'
import type { ReplicaId } from '../base/ids.js'
import {
  asClustorError,
  decodeControl,
  decodeError,
  encodeError,
  encodePlain,
  readInteger,
  readText,
} from './control-codec.js'
import { frameHeadBytes, frameTypes, lengthPrefixBytes } from './frame-types.js'
import type { FramedSocket } from './framed-socket.js'
import type { DecodeFrames, MessageRoute } from './message-codec.js'
import { messageBodyBytes, readMessage, writeMessage } from './message-codec.js'
import type { Timers } from '../base/timers.js'
import type { ChannelGreeting, PartitionKey, PeerAdmission, PeerMessage } from './transport.js'

/** A partition of this process, as connections see it. */
export interface AttachedPartition {
  readonly key: PartitionKey
  readonly receive: (message: PeerMessage) => void
  readonly unreachable: (replica: ReplicaId) => void
  readonly admission: PeerAdmission
}

/** What a connection needs from the transport it belongs to. */
export interface ConnectionOwner {
  findPartition(name: string): AttachedPartition | undefined
  /** The peer does not hold the partition, or does not admit this replica. */
  channelRefused(partition: AttachedPartition, error: ClustorError): void
  /** The peer was not admitted here. */
  peerRefused(error: ClustorError): void
  messageReceived(): void
  /** Frames of an append did not verify. */
  framesCorrupt(): void
  connectionClosed(connection: PeerConnection, error: ClustorError): void
}

/** What a connection needs to know. */
export interface ConnectionOptions {
  /** Replicas of the messages that arrive: from the peer, to this node. */
  readonly route: MessageRoute
  readonly decodeFrames: DecodeFrames
  readonly timers: Timers
  readonly sendQueueBytesMax: number
  /** Pause before a refused channel is opened again. */
  readonly channelRetryMs: number
}

/** The way of a partition through a connection. */
interface SendChannel {
  readonly number: number
  /** When a refused channel may be opened again; 0 for one that is open. */
  retryAtMs: number
}

const channelsMax = 65_536
/** Enough for the first votes and probes of a peer; what is dropped, Raft sends again. */
const heldBodiesMax = 16

/** One connection to a peer after its handshake; carries messages of all partitions in both directions. */
export class PeerConnection {
  readonly socket: FramedSocket
  readonly #owner: ConnectionOwner
  readonly #options: ConnectionOptions
  readonly #sendChannels = new Map<AttachedPartition, SendChannel>()
  readonly #partitionsSent: AttachedPartition[] = []
  /** By channel number; null for a refused one, what comes there is dropped. */
  readonly #receiveChannels = new Map<number, AttachedPartition | null>()
  /** What came on channels whose peer is being admitted. */
  readonly #heldBodies = new Map<number, Buffer[]>()
  #closed = false

  constructor(socket: FramedSocket, options: ConnectionOptions, owner: ConnectionOwner) {
    this.socket = socket
    this.#options = options
    this.#owner = owner
    socket.open({
      onBody: (body) => this.#onBody(body),
      onClose: (error) => {
        this.#closed = true
        owner.connectionClosed(this, error)
      },
    })
  }

  /** Queues a message.
   *  @returns the bytes of its frame; 0 when the peer does not hold the partition, or the queue would exceed its limit. */
  send(partition: AttachedPartition, message: PeerMessage): number {
    const { writer } = this.socket
    const frameBytes = lengthPrefixBytes + messageBodyBytes(message)
    if (writer.queuedBytes + frameBytes > this.#options.sendQueueBytesMax) return 0
    const channel = this.#sendChannels.get(partition) ?? this.#newChannel(partition)
    if (channel === null || !this.#isOpen(channel, partition)) return 0
    writeMessage(writer, channel.number, message)
    return frameBytes
  }

  /** A partition left: nothing is sent for it any more, and what comes for it is refused. */
  forget(partition: AttachedPartition): void {
    this.#sendChannels.delete(partition)
    this.refuse(partition)
  }

  /** What comes for a partition is refused until the peer opens its channel again. */
  refuse(partition: AttachedPartition): void {
    for (const [number, receiver] of this.#receiveChannels) {
      if (receiver !== partition) continue
      this.#refuseChannel(number, unknownPartition(partition.key))
    }
  }

  #newChannel(partition: AttachedPartition): SendChannel | null {
    if (this.#partitionsSent.length === channelsMax) return null
    const number = this.#partitionsSent.push(partition) - 1
    const channel: SendChannel = { number, retryAtMs: 0 }
    this.#sendChannels.set(partition, channel)
    this.#openChannel(number, partition)
    return channel
  }

  #isOpen(channel: SendChannel, partition: AttachedPartition): boolean {
    if (channel.retryAtMs === 0) return true
    if (this.#options.timers.now() < channel.retryAtMs) return false
    channel.retryAtMs = 0
    this.#openChannel(channel.number, partition)
    return true
  }

  #openChannel(number: number, { key, admission }: AttachedPartition): void {
    const { name, id } = key
    const { epoch, incarnation, known } = admission.greeting(this.#options.route.from)
    const head = channelHead(frameTypes.openChannel, number)
    const body = encodePlain({ name, id, epoch, incarnation, known })
    this.socket.writer.frame(Buffer.concat([head, body]))
  }

  #onBody(body: Buffer): void {
    switch (body[0]) {
      case frameTypes.openChannel:
        this.#onOpenChannel(body)
        return
      case frameTypes.channelRefused:
        this.#onChannelRefused(body)
        return
      default:
        this.#onMessage(body)
    }
  }

  #onMessage(body: Buffer): void {
    const number = channelOf(body)
    const partition = this.#receiveChannels.get(number)
    if (partition === null) {
      this.#hold(number, body)
      return
    }
    if (partition === undefined) {
      throw new ClustorError('ERR_PROTOCOL', `channel ${number} was not opened`)
    }
    const message = this.#read(body)
    this.#owner.messageReceived()
    partition.receive(message)
  }

  #read(body: Buffer): PeerMessage {
    const { route, decodeFrames } = this.#options
    try {
      return readMessage(body, route, decodeFrames)
    } catch (error) {
      if (error instanceof ClustorError && error.code === 'ERR_FRAME_CORRUPT') {
        this.#owner.framesCorrupt()
      }
      throw error
    }
  }

  #onOpenChannel(body: Buffer): void {
    const number = channelOf(body)
    const map = decodeControl(body, frameHeadBytes)
    const key = { name: readText(map, 'name'), id: readText(map, 'id') }
    const greeting = {
      epoch: readInteger(map, 'epoch'),
      incarnation: readInteger(map, 'incarnation'),
      known: readInteger(map, 'known'),
    }
    const partition = this.#owner.findPartition(key.name)
    if (partition?.key.id !== key.id) this.#refuseChannel(number, unknownPartition(key))
    else this.#admit(number, partition, greeting)
  }

  #admit(number: number, partition: AttachedPartition, greeting: ChannelGreeting): void {
    try {
      const admitted = partition.admission.admit(this.#options.route.from, greeting)
      if (admitted === undefined) this.#receiveChannels.set(number, partition)
      else this.#admitLater(number, partition, admitted)
    } catch (error) {
      this.#refusePeer(number, error)
    }
  }

  #refusePeer(number: number, error: unknown): void {
    const refusal = asClustorError(error)
    this.#refuseChannel(number, refusal)
    this.#owner.peerRefused(refusal)
  }

  #admitLater(number: number, partition: AttachedPartition, admitted: Promise<void>): void {
    const bodies: Buffer[] = []
    this.#receiveChannels.set(number, null)
    this.#heldBodies.set(number, bodies)
    // Closed, refused, opened again, or the partition left meanwhile: the channel is no longer the one that was asked for.
    const isAsked = (): boolean =>
      !this.#closed &&
      this.#heldBodies.get(number) === bodies &&
      this.#owner.findPartition(partition.key.name) === partition
    admitted.then(
      () => {
        if (!isAsked()) return
        this.#heldBodies.delete(number)
        this.#receiveChannels.set(number, partition)
        this.socket.take(bodies)
      },
      (error: unknown) => {
        if (isAsked()) this.#refusePeer(number, error)
      },
    )
  }

  /** Messages of a peer that is being admitted wait, those of one that is refused are dropped. */
  #hold(number: number, body: Buffer): void {
    const bodies = this.#heldBodies.get(number)
    if (bodies === undefined || bodies.length === heldBodiesMax) return
    // A copy: what is received is a view of a buffer that is used again.
    bodies.push(Buffer.from(body))
  }

  #refuseChannel(number: number, error: ClustorError): void {
    this.#receiveChannels.set(number, null)
    this.#heldBodies.delete(number)
    const head = channelHead(frameTypes.channelRefused, number)
    this.socket.writer.frame(Buffer.concat([head, encodeError(error)]))
  }

  #onChannelRefused(body: Buffer): void {
    const partition = this.#partitionsSent[channelOf(body)]
    const channel = partition && this.#sendChannels.get(partition)
    if (channel === undefined) return
    channel.retryAtMs = this.#options.timers.now() + this.#options.channelRetryMs
    this.#owner.channelRefused(partition as AttachedPartition, decodeError(body, frameHeadBytes))
  }
}

function unknownPartition({ name, id }: PartitionKey): ClustorError {
  const message = `this node holds no partition ${name} of id ${id}`
  return new ClustorError('ERR_PARTITION_UNKNOWN', message, { fields: { name, id } })
}

function channelOf(body: Buffer): number {
  if (body.length < frameHeadBytes) {
    throw new ClustorError('ERR_PROTOCOL', `a body of ${body.length} bytes names no channel`)
  }
  return body.readUInt16LE(2)
}

function channelHead(type: number, number: number): Buffer {
  const head = Buffer.of(type, 0, 0, 0)
  head.writeUInt16LE(number, 2)
  return head
}
