import type tls from 'node:tls'

import { ClustorError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { OptionsOf } from '../config/options.js'
import { Backoff } from './backoff.js'
import { connectionLost, FramedSocket } from './framed-socket.js'
import { checkPeerWelcome, peerHello } from './handshake.js'
import type { PeerConfig, PeerIdentity } from './handshake.js'
import type { DecodeFrames } from './message-codec.js'
import { PeerConnection } from './peer-connection.js'
import type { AttachedPartition } from './peer-connection.js'
import { dialSocket, parseAddress } from './sockets.js'
import type { Timer, Timers } from '../base/timers.js'
import type { PeerMessage, PeerStatus } from './transport.js'

/** What all peers of a transport share. */
export interface PeerContext {
  readonly identity: PeerIdentity
  readonly options: OptionsOf<'transport'>
  readonly secure: tls.ConnectionOptions | undefined
  readonly timers: Timers
  readonly random: Random
  readonly decodeFrames: DecodeFrames
  readonly partitions: ReadonlyMap<string, AttachedPartition>
  readonly onProblem: (error: ClustorError) => void
}

/** Refusals that only a change of configuration heals. */
const lastingCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_CLUSTER_MISMATCH',
  'ERR_PROTOCOL',
  'ERR_REPLICA_MISMATCH',
  'ERR_VERSION_MISMATCH',
])

/** Another node: dials it for as long as it is configured, and sends over whichever connection there is.
 *  docs/protocol.md §3. */
export class Peer {
  readonly config: PeerConfig
  readonly #context: PeerContext
  readonly #backoff: Backoff
  /** The connection that this node dialed, the one that the peer dialed, and the one of them to send over. */
  #outgoing: PeerConnection | null = null
  #incoming: PeerConnection | null = null
  #active: PeerConnection | null = null
  #dialing: FramedSocket | null = null
  #retry: Timer | null = null
  #closed = false
  #lastError: ClustorError | null = null
  readonly #lostPartitions = new Set<AttachedPartition>()
  readonly #counts = {
    sentMessages: 0,
    sentBytes: 0,
    receivedMessages: 0,
    droppedMessages: 0,
    corruptMessages: 0,
    connects: 0,
  }
  #receivedBytesBefore = 0

  constructor(config: PeerConfig, context: PeerContext) {
    this.config = config
    this.#context = context
    const { reconnectMsMin, reconnectMsMax } = context.options
    this.#backoff = new Backoff({ msMin: reconnectMsMin, msMax: reconnectMsMax }, context.random)
    this.#dial()
  }

  /** Sends a message or drops it; a drop is reported on a later microtask. */
  send(partition: AttachedPartition, message: PeerMessage): void {
    const sentBytes = this.#active?.send(partition, message) ?? 0
    if (sentBytes === 0) {
      this.#counts.droppedMessages += 1
      this.#reportLost(partition)
    } else {
      this.#counts.sentMessages += 1
      this.#counts.sentBytes += sentBytes
    }
  }

  /** The peer dialed this node and was let in: it lives, so a pause before dialing it ends. */
  accept(socket: FramedSocket): void {
    this.#incoming?.socket.close(connectionLost('the peer dialed again'))
    this.#incoming = this.#connect(socket)
    this.#chooseActive()
    if (this.#retry === null) return
    this.#retry.cancel()
    this.#backoff.reset()
    this.#dial()
  }

  /** What comes for a partition is refused until the peer opens its channel again. */
  reopen(partition: AttachedPartition): void {
    this.#outgoing?.refuse(partition)
    this.#incoming?.refuse(partition)
  }

  /** A partition left this process. */
  forget(partition: AttachedPartition): void {
    this.#lostPartitions.delete(partition)
    this.#outgoing?.forget(partition)
    this.#incoming?.forget(partition)
  }

  /** To be called four times in peerSilenceMsMax. */
  checkSilence(): void {
    this.#outgoing?.socket.checkSilence()
    this.#incoming?.socket.checkSilence()
  }

  close(): void {
    this.#closed = true
    this.#retry?.cancel()
    this.#lostPartitions.clear()
    const error = new ClustorError('ERR_CLOSED', 'the transport was closed')
    this.#dialing?.close(error)
    this.#outgoing?.socket.close(error)
    this.#incoming?.socket.close(error)
  }

  status(): PeerStatus {
    const { replica, node, address } = this.config
    const connecting = this.#retry === null ? 'connecting' : 'waiting'
    const open = [this.#outgoing, this.#incoming].map((each) => each?.socket.receivedBytes ?? 0)
    return {
      replica,
      node,
      address,
      state: this.#active === null ? connecting : 'connected',
      queuedBytes: this.#active?.socket.writer.queuedBytes ?? 0,
      receivedBytes: open.reduce((sum, bytes) => sum + bytes, this.#receivedBytesBefore),
      ...this.#counts,
      lastError: this.#lastError,
    }
  }

  #dial(): void {
    this.#retry = null
    const { identity, timers, options, secure } = this.#context
    const raw = dialSocket(parseAddress(this.config.address), secure, () => {
      socket.writer.frame(peerHello(identity, this.config))
    })
    const socket = new FramedSocket(raw, timers, {
      onBody: (body) => {
        deadline.cancel()
        checkPeerWelcome(body, identity, this.config)
        this.#dialed(socket)
      },
      onClose: (error) => {
        deadline.cancel()
        this.#dialing = null
        this.#dialAgain(error)
      },
    })
    const deadline = timers.after(options.connectTimeoutMs, () =>
      socket.close(tooSlow(this.config)),
    )
    this.#dialing = socket
  }

  #dialed(socket: FramedSocket): void {
    this.#dialing = null
    this.#backoff.reset()
    this.#outgoing = this.#connect(socket)
    this.#chooseActive()
  }

  #dialAgain(error: ClustorError): void {
    this.#noteProblem(error)
    if (this.#closed) return
    const lasting = lastingCodes.has(error.code)
    const pauseMs = lasting ? this.#backoff.longest() : this.#backoff.next()
    this.#retry = this.#context.timers.after(pauseMs, () => this.#dial())
  }

  #connect(socket: FramedSocket): PeerConnection {
    const { identity, decodeFrames, timers, options, partitions } = this.#context
    const { sendQueueBytesMax, reconnectMsMin } = options
    this.#counts.connects += 1
    return new PeerConnection(
      socket,
      {
        route: { from: this.config.replica, to: identity.replica },
        decodeFrames,
        timers,
        sendQueueBytesMax,
        channelRetryMs: reconnectMsMin,
      },
      {
        findPartition: (name) => partitions.get(name),
        channelRefused: (partition, error) => {
          this.#noteProblem(error)
          this.#reportLost(partition)
        },
        peerRefused: (error) => this.#noteProblem(error),
        messageReceived: () => {
          this.#counts.receivedMessages += 1
        },
        framesCorrupt: () => {
          this.#counts.corruptMessages += 1
        },
        connectionClosed: (connection, error) => this.#closedBy(connection, error),
      },
    )
  }

  #closedBy(connection: PeerConnection, error: ClustorError): void {
    this.#receivedBytesBefore += connection.socket.receivedBytes
    const wasActive = this.#active === connection
    if (this.#incoming === connection) this.#incoming = null
    const wasOutgoing = this.#outgoing === connection
    if (wasOutgoing) this.#outgoing = null
    this.#chooseActive()
    if (wasActive) for (const each of this.#context.partitions.values()) this.#reportLost(each)
    if (wasOutgoing) this.#dialAgain(error)
    else this.#noteProblem(error)
  }

  // Both ends choose the same one, so that acknowledgements ride on data.
  #chooseActive(): void {
    const dialsFirst = this.#context.identity.replica < this.config.replica
    this.#active = dialsFirst
      ? (this.#outgoing ?? this.#incoming)
      : (this.#incoming ?? this.#outgoing)
  }

  #noteProblem(error: ClustorError): void {
    const isNews = this.#lastError?.code !== error.code
    this.#lastError = error
    if (!isNews || this.#closed) return
    const { node, address } = this.config
    const message = `peer ${node} at ${address}: ${error.message}`
    this.#context.onProblem(
      new ClustorError(error.code, message, { cause: error, fields: { node, address } }),
    )
  }

  // Not within `send`: the core that sends must not be entered again from there.
  #reportLost(partition: AttachedPartition): void {
    if (this.#closed) return
    if (this.#lostPartitions.size === 0) queueMicrotask(() => this.#reportAllLost())
    this.#lostPartitions.add(partition)
  }

  #reportAllLost(): void {
    const lost = [...this.#lostPartitions]
    this.#lostPartitions.clear()
    for (const partition of lost) partition.unreachable(this.config.replica)
  }
}

const tooSlow = ({ node, address }: { node: string; address: string }): ClustorError =>
  new ClustorError('ERR_TIMEOUT', `${node} at ${address} took too long to connect`)
