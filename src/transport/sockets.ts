/** The one place where sockets are made. */
import net from 'node:net'
import tls from 'node:tls'

import { ClustorError } from '../base/errors.js'

/** A host and a port. */
export interface Address {
  readonly host: string
  readonly port: number
}

const addressPattern = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/

/** Reads `host:port`; an IPv6 host stands in brackets. @throws ERR_INVALID_ARGUMENT */
export function parseAddress(text: string): Address {
  const match = addressPattern.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host !== undefined && port <= 65_535) return { host, port }
  throw new ClustorError('ERR_INVALID_ARGUMENT', `"${text}" is no address; write host:port`, {
    fields: { address: text },
  })
}

/** Whether parseAddress takes it. */
export const isAddress = (text: string): boolean =>
  Number(addressPattern.exec(text)?.[3] ?? Infinity) <= 65_535

/** The reverse of parseAddress. */
export const formatAddress = ({ host, port }: Address): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

/** Begins to connect. @param onReady runs when bytes can be sent, under TLS after its handshake. */
export function dialSocket(
  address: Address,
  secure: tls.ConnectionOptions | undefined,
  onReady: () => void,
): net.Socket {
  const socket =
    secure === undefined
      ? net.connect({ ...address, noDelay: true }, onReady)
      : tls.connect({ ...secure, ...address }, onReady)
  socket.setNoDelay(true)
  return socket
}

/** How to listen. */
export interface ListenOptions {
  readonly connectionsMax: number
  readonly secure?: tls.TlsOptions | undefined
}

/** Listens, and hands out connections, under TLS after its handshake.
 *  @throws ERR_IO with fields address and errno when the address cannot be had. */
export async function listenOn(
  address: Address,
  { connectionsMax, secure }: ListenOptions,
  onSocket: (socket: net.Socket) => void,
): Promise<net.Server> {
  const server =
    secure === undefined
      ? net.createServer({ noDelay: true }, onSocket)
      : tls.createServer({ ...secure, noDelay: true }, onSocket)
  server.maxConnections = connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(cannotListen(address, cause)))
    server.listen(address, resolve)
  })
  return server
}

/** Where a server listens: the port that the system chose for port 0. */
export function listeningAddress(server: net.Server): string {
  const address = server.address()
  if (typeof address === 'string' || address === null) return ''
  return formatAddress({ host: address.address, port: address.port })
}

/** Stops listening; resolves when every connection has ended. */
export const closeServer = (server: net.Server): Promise<void> =>
  new Promise((resolve) => server.close(() => resolve()))

function cannotListen(address: Address, cause: NodeJS.ErrnoException): ClustorError {
  const shown = formatAddress(address)
  return new ClustorError('ERR_IO', `cannot listen on ${shown}: ${cause.message}`, {
    cause,
    fields: { address: shown, errno: cause.code },
  })
}
