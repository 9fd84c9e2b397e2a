import type net from 'node:net'
import type tls from 'node:tls'

import { ClustorError } from '../base/errors.js'
import type { ReplicaId } from '../base/ids.js'
import type { Random } from '../base/random.js'
import type { OptionsOf } from '../config/options.js'
import { resolveGroup } from '../config/resolve.js'
import { FramedSocket, silentChecksMax } from './framed-socket.js'
import { acceptPeer } from './handshake.js'
import type { PeerConfig, PeerIdentity } from './handshake.js'
import type { DecodeFrames } from './message-codec.js'
import { Peer } from './peer.js'
import type { PeerContext } from './peer.js'
import type { AttachedPartition } from './peer-connection.js'
import { closeServer, listeningAddress, listenOn, parseAddress } from './sockets.js'
import { systemTimers } from './timers.js'
import type { Timer, Timers } from '../base/timers.js'
import type {
  PartitionKey,
  PartitionLink,
  PeerAdmission,
  PeerMessage,
  PeerStatus,
  PeerTransport,
} from './transport.js'

/** How to reach the other nodes. */
export interface PeerTransportOptions extends PeerIdentity {
  /** `host:port` to listen on; port 0 lets the system choose. */
  readonly listen: string
  /** The other nodes. */
  readonly peers: readonly PeerConfig[]
  /** Checks the frames of an append: `ReplicaLog.decode`, its range. */
  readonly decodeFrames: DecodeFrames
  /** Spreads the pauses between attempts to connect. */
  readonly random: Random
  /** Absent: the defaults of the options table. */
  readonly options?: Partial<OptionsOf<'transport'>>
  /** Certificates; absent: plain TCP. */
  readonly secure?: { readonly listen: tls.TlsOptions; readonly dial: tls.ConnectionOptions }
  /** Hears of refusals and lost connections, in both directions, once until the kind changes. */
  readonly onProblem?: (error: ClustorError) => void
  readonly timers?: Timers
}

/** Connections that wait for their handshake, or are about to be replaced, beside two per peer. */
const spareConnections = 16

/** Connections to the other nodes over TCP: docs/protocol.md §1 to §3. */
export class TcpPeerTransport implements PeerTransport {
  readonly #identity: PeerIdentity
  readonly #options: OptionsOf<'transport'>
  readonly #timers: Timers
  readonly #onProblem: (error: ClustorError) => void
  readonly #context: PeerContext
  readonly #partitions = new Map<string, AttachedPartition>()
  readonly #peers = new Map<ReplicaId, Peer>()
  readonly #greeting = new Set<FramedSocket>()
  readonly #server: net.Server
  #silenceCheck: Timer
  #closed: Promise<void> | null = null

  /** Listens, and begins to dial the peers.
   *  @throws ERR_IO when the address cannot be had; ERR_INVALID_ARGUMENT for an option or address that is not valid. */
  static async listen(options: PeerTransportOptions): Promise<TcpPeerTransport> {
    const accept = (socket: net.Socket): void => transport.#greet(socket)
    const listenOptions = { connectionsMax: spareConnections, secure: options.secure?.listen }
    for (const peer of options.peers) parseAddress(peer.address)
    const settings = resolveGroup(
      ['transport'],
      [{ source: 'transport options', values: options.options ?? {} }],
    )
    const server = await listenOn(parseAddress(options.listen), listenOptions, accept)
    // A socket is handed over on a later turn of the event loop than the one in which listening begins.
    const transport = new TcpPeerTransport(options, settings, server)
    return transport
  }

  private constructor(
    options: PeerTransportOptions,
    settings: OptionsOf<'transport'>,
    server: net.Server,
  ) {
    const { cluster, node, replica } = options
    this.#identity = { cluster, node, replica }
    this.#options = settings
    this.#timers = options.timers ?? systemTimers
    this.#onProblem = options.onProblem ?? (() => undefined)
    this.#server = server
    this.#context = {
      identity: this.#identity,
      options: settings,
      secure: options.secure?.dial,
      timers: this.#timers,
      random: options.random,
      decodeFrames: options.decodeFrames,
      partitions: this.#partitions,
      onProblem: this.#onProblem,
    }
    this.#silenceCheck = this.#scheduleSilenceCheck()
    for (const peer of options.peers) this.addPeer(peer)
  }

  /** Where it listens, `host:port`. */
  get address(): string {
    return listeningAddress(this.#server)
  }

  /** Begins to dial one more node.
   *  @throws ERR_INVALID_ARGUMENT when the replica id is taken. */
  addPeer(peer: PeerConfig): void {
    this.#assertOpen()
    if (peer.replica === this.#identity.replica || this.#peers.has(peer.replica)) {
      throw new ClustorError('ERR_INVALID_ARGUMENT', `replica ${peer.replica} is known already`)
    }
    parseAddress(peer.address)
    this.#server.maxConnections += 2
    this.#peers.set(peer.replica, new Peer(peer, this.#context))
  }

  attach(
    partition: PartitionKey,
    receive: (message: PeerMessage) => void,
    unreachable: (replica: ReplicaId) => void,
    admission: PeerAdmission,
  ): PartitionLink {
    this.#assertOpen()
    const { name } = partition
    if (this.#partitions.has(name)) {
      throw new ClustorError('ERR_INVALID_ARGUMENT', `partition ${name} is attached already`)
    }
    const attached: AttachedPartition = { key: partition, receive, unreachable, admission }
    this.#partitions.set(name, attached)
    return {
      send: (message) => {
        if (this.#partitions.get(name) !== attached) return
        this.#peers.get(message.message.to)?.send(attached, message)
      },
      reopen: (replica) => this.#peers.get(replica)?.reopen(attached),
      detach: () => this.#detach(attached),
    }
  }

  status(): readonly PeerStatus[] {
    return [...this.#peers.values()]
      .map((peer) => peer.status())
      .sort((a, b) => a.replica - b.replica)
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  #closeAll(): Promise<void> {
    this.#silenceCheck.cancel()
    const closed = closeServer(this.#server)
    for (const peer of this.#peers.values()) peer.close()
    for (const socket of this.#greeting) socket.close(transportClosed())
    this.#partitions.clear()
    return closed
  }

  #detach(partition: AttachedPartition): void {
    if (this.#partitions.get(partition.key.name) !== partition) return
    this.#partitions.delete(partition.key.name)
    for (const peer of this.#peers.values()) peer.forget(partition)
  }

  /** A connection came in: it has connectTimeoutMs to say who it is. */
  #greet(raw: net.Socket): void {
    const socket = new FramedSocket(raw, this.#timers, {
      onBody: (body) => {
        deadline.cancel()
        this.#greeting.delete(socket)
        const { peer, welcome } = this.#acceptPeer(body)
        socket.writer.frame(welcome)
        peer.accept(socket)
      },
      onClose: (error) => {
        deadline.cancel()
        this.#greeting.delete(socket)
        this.#noteProblem(socket, error)
      },
    })
    this.#greeting.add(socket)
    const deadline = this.#timers.after(this.#options.connectTimeoutMs, () =>
      socket.refuse(new ClustorError('ERR_TIMEOUT', 'no hello came in time')),
    )
  }

  #acceptPeer(body: Buffer): { peer: Peer; welcome: Buffer } {
    const findPeer = (replica: number): PeerConfig | undefined =>
      this.#peers.get(replica as ReplicaId)?.config
    const { peer, welcome } = acceptPeer(body, this.#identity, findPeer)
    return { peer: this.#peers.get(peer.replica) as Peer, welcome }
  }

  #noteProblem(socket: FramedSocket, error: ClustorError): void {
    if (this.#closed !== null) return
    const from = socket.remoteAddress
    const message = `connection from ${from}: ${error.message}`
    this.#onProblem(new ClustorError(error.code, message, { cause: error, fields: { from } }))
  }

  #scheduleSilenceCheck(): Timer {
    return this.#timers.after(this.#options.peerSilenceMsMax / silentChecksMax, () => {
      for (const peer of this.#peers.values()) peer.checkSilence()
      this.#silenceCheck = this.#scheduleSilenceCheck()
    })
  }

  #assertOpen(): void {
    if (this.#closed !== null) throw transportClosed()
  }
}

const transportClosed = (): ClustorError =>
  new ClustorError('ERR_CLOSED', 'the transport was closed')
