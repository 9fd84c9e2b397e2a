import net from 'node:net'

import type { ClustorError } from '../../src/base/errors.js'
import { decodeError } from '../../src/transport/control-codec.js'
import { FrameReader } from '../../src/transport/frame-reader.js'
import { FrameWriter } from '../../src/transport/frame-writer.js'
import { frameTypes } from '../../src/transport/frame-types.js'
import { encodeGreeting } from '../../src/transport/handshake.js'

/** A client that sends what the test says, right or wrong. */
export class RawClient {
  readonly socket: net.Socket
  readonly writer: FrameWriter
  /** Bodies that came, the welcome first. */
  readonly bodies: Buffer[] = []
  ended = false

  private constructor(socket: net.Socket) {
    this.socket = socket
    this.writer = new FrameWriter(socket)
    const reader = new FrameReader(4 * 1024 * 1024, (body) => this.bodies.push(body))
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => (this.ended = true))
  }

  /** Connects, and says hello unless told otherwise. */
  static async connect(address: string, hello: object | null = {}): Promise<RawClient> {
    const [host, port] = address.split(':')
    const socket = net.connect({ host: host!, port: Number(port) })
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    const client = new RawClient(socket)
    const greeting = { protocol: 1, protocolMin: 1, purpose: 'client', cluster: null, ...hello }
    if (hello !== null) client.writer.frame(encodeGreeting('hello', greeting))
    return client
  }

  /** The refusal that came, if one did. */
  get refusal(): ClustorError | null {
    const body = this.bodies.find(([type]) => type === frameTypes.refusal)
    return body === undefined ? null : decodeError(body, 1)
  }

  /** How many bodies of a type came. */
  countOf(type: number): number {
    return this.bodies.filter((body) => body[0] === type).length
  }
}
