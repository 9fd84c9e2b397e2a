import type net from 'node:net'
import type tls from 'node:tls'

import { ClustorError } from '../base/errors.js'
import type { OptionsOf } from '../config/options.js'
import { resolveGroup } from '../config/resolve.js'
import type { ClientService } from './client-service.js'
import { FramedSocket } from './framed-socket.js'
import { assertCluster, chosenVersion, encodeGreeting, readHello } from './handshake.js'
import { ServerConnection } from './server-connection.js'
import { closeServer, listeningAddress, listenOn, parseAddress } from './sockets.js'
import { systemTimers } from './timers.js'
import type { Timers } from '../base/timers.js'

/** How to serve clients. */
export interface ClientServerOptions {
  /** `host:port` to listen on; port 0 lets the system choose. */
  readonly listen: string
  readonly service: ClientService
  /** Absent: the defaults of the options table. */
  readonly options?: Partial<OptionsOf<'transport'>>
  /** Certificates; absent: plain TCP. */
  readonly secure?: tls.TlsOptions
  /** Hears of refused clients and broken connections; not of those that clients end. */
  readonly onProblem?: (error: ClustorError) => void
  readonly timers?: Timers
}

/** Connections over the limit that may wait to be told so. */
const refusedConnectionsMax = 64
const keepAliveMs = 30_000

/** Serves the client protocol on a port of its own: docs/protocol.md §4. */
export class ClientServer {
  readonly #service: ClientService
  readonly #options: OptionsOf<'transport'>
  readonly #timers: Timers
  readonly #onProblem: (error: ClustorError) => void
  readonly #sockets = new Set<FramedSocket>()
  readonly #server: net.Server
  #closed: Promise<void> | null = null

  /** Listens.
   *  @throws ERR_IO when the address cannot be had; ERR_INVALID_ARGUMENT for an option or address that is not valid. */
  static async listen(options: ClientServerOptions): Promise<ClientServer> {
    const settings = resolveGroup(
      ['transport'],
      [{ source: 'client server options', values: options.options ?? {} }],
    )
    const connectionsMax = settings.clientConnectionsMax + refusedConnectionsMax
    const listenOptions = { connectionsMax, secure: options.secure }
    const listener = await listenOn(parseAddress(options.listen), listenOptions, (socket) => {
      server.#greet(socket)
    })
    const server = new ClientServer(options, settings, listener)
    return server
  }

  private constructor(
    options: ClientServerOptions,
    settings: OptionsOf<'transport'>,
    server: net.Server,
  ) {
    this.#service = options.service
    this.#options = settings
    this.#timers = options.timers ?? systemTimers
    this.#onProblem = options.onProblem ?? (() => undefined)
    this.#server = server
  }

  /** Where it listens, `host:port`. */
  get address(): string {
    return listeningAddress(this.#server)
  }

  /** Clients at the moment. */
  get connectionCount(): number {
    return this.#sockets.size
  }

  /** Tells the clients and ends their connections; what they have under way gets no answer. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  #closeAll(): Promise<void> {
    const closed = closeServer(this.#server)
    const error = new ClustorError('ERR_CLOSED', 'the node is closing', { outcome: 'unknown' })
    for (const socket of this.#sockets) socket.refuse(error)
    return closed
  }

  #greet(raw: net.Socket): void {
    raw.setKeepAlive(true, keepAliveMs)
    const socket = new FramedSocket(raw, this.#timers, {
      onBody: (body) => {
        deadline.cancel()
        this.#welcome(socket, body)
      },
      onClose: (error) => {
        deadline.cancel()
        this.#ended(socket, error)
      },
    })
    const deadline = this.#timers.after(this.#options.connectTimeoutMs, () =>
      socket.refuse(new ClustorError('ERR_TIMEOUT', 'no hello came in time')),
    )
    this.#sockets.add(socket)
    if (this.#sockets.size > this.#options.clientConnectionsMax)
      socket.refuse(tooMany(this.#options))
  }

  #welcome(socket: FramedSocket, body: Buffer): void {
    const { cluster, node, proposalBytesMax } = this.#service
    const hello = readHello(body, 'client')
    assertCluster(cluster, hello.cluster)
    const protocol = chosenVersion(hello)
    const welcome = { protocol, cluster, node, proposalBytesMax }
    socket.writer.frame(encodeGreeting('welcome', welcome))
    const onClose = (error: ClustorError): void => this.#ended(socket, error)
    ServerConnection.serve(socket, this.#service, this.#options, onClose)
  }

  #ended(socket: FramedSocket, error: ClustorError): void {
    this.#sockets.delete(socket)
    if (this.#closed !== null || error.code === 'ERR_CONNECTION_LOST') return
    const from = socket.remoteAddress
    const message = `client at ${from}: ${error.message}`
    this.#onProblem(new ClustorError(error.code, message, { cause: error, fields: { from } }))
  }
}

const tooMany = ({ clientConnectionsMax }: OptionsOf<'transport'>): ClustorError =>
  new ClustorError('ERR_BUSY', `the node has ${clientConnectionsMax} client connections already`)
