import type net from 'node:net'

import { ClustorError } from '../base/errors.js'
import { decodeError, encodeError } from './control-codec.js'
import { bodyBytesMax, controlBytesMax, frameTypes } from './frame-types.js'
import { FrameReader } from './frame-reader.js'
import { FrameWriter } from './frame-writer.js'
import type { Timers } from '../base/timers.js'

/** How long a refused peer may take to read why, before its connection is cut. */
const lingerMs = 1_000
/** A silent connection is looked at this many times before it counts as lost; from half of them on it is asked. */
export const silentChecksMax = 4

/** Who uses a connection at the moment. */
export interface FramedSocketUser {
  /** Gets every body but pings, pongs and refusals. What it throws ends the connection with a refusal of that code. */
  onBody(body: Buffer): void
  /** The connection is over; nothing follows. */
  onClose(error: ClustorError): void
}

/** A connection that carries frames in both directions: what peers, clients and servers have in common. */
export class FramedSocket {
  readonly writer: FrameWriter
  /** Resolves when the operating system has let go of it. */
  readonly whenClosed: Promise<void>
  readonly #socket: net.Socket
  readonly #timers: Timers
  readonly #reader: FrameReader
  #user: FramedSocketUser
  #closed = false
  #heard = false
  #silentChecks = 0
  #receivedBytes = 0

  /** Starts as before a handshake: bodies are limited to controlBytesMax until `open`. */
  constructor(socket: net.Socket, timers: Timers, user: FramedSocketUser) {
    this.#socket = socket
    this.#timers = timers
    this.#user = user
    this.writer = new FrameWriter(socket)
    this.#reader = new FrameReader(controlBytesMax, (body) => this.#dispatch(body))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
    socket.on('error', (cause) => this.close(connectionLost(cause.message, cause)))
    this.whenClosed = new Promise((resolve) => {
      socket.on('close', () => {
        this.close(connectionLost('the other side closed it'))
        resolve()
      })
    })
  }

  get closed(): boolean {
    return this.#closed
  }

  get receivedBytes(): number {
    return this.#receivedBytes
  }

  get remoteAddress(): string {
    return `${this.#socket.remoteAddress ?? 'unknown'}:${this.#socket.remotePort ?? 0}`
  }

  /** The handshake is over: another user takes the connection, and bodies may be as large as the protocol allows. */
  open(user: FramedSocketUser, bytesMax = bodyBytesMax): void {
    this.#user = user
    this.#reader.setBodyBytesMax(Math.min(bytesMax, bodyBytesMax))
  }

  /** Hands bodies on as if they came at this moment. */
  take(bodies: readonly Buffer[]): void {
    this.#guard(() => {
      for (const body of bodies) if (!this.#closed) this.#dispatch(body)
    })
  }

  /** Stops reading: TCP makes the other side wait. */
  pauseReading(): void {
    this.#socket.pause()
    this.#reader.pause()
  }

  resumeReading(): void {
    this.#guard(() => this.#reader.resume())
    this.#socket.resume()
  }

  /** Runs a function each time that the system has taken everything it was slow to take. */
  onDrain(run: () => void): void {
    this.#socket.on('drain', run)
  }

  /** To be called in even intervals: asks a silent other side for a sign of life, and gives it up at the fourth. */
  checkSilence(): void {
    this.#silentChecks = this.#heard ? 0 : this.#silentChecks + 1
    this.#heard = false
    if (this.#silentChecks >= silentChecksMax)
      this.close(connectionLost('the other side is silent'))
    else if (this.#silentChecks >= silentChecksMax / 2) this.writer.frame(ping)
  }

  /** Says why, then ends the connection. */
  refuse(error: ClustorError): void {
    if (this.#closed) return
    this.writer.frame(Buffer.concat([Buffer.of(frameTypes.refusal), encodeError(error)]))
    this.writer.flush()
    this.#finish(error)
    // Half-closed, not destroyed: unread bytes would turn the end into a reset that overtakes the refusal.
    this.#socket.resume()
    this.#socket.end()
    const linger = this.#timers.after(lingerMs, () => this.#socket.destroy())
    this.#socket.once('close', () => linger.cancel())
  }

  /** Ends the connection at once. */
  close(error: ClustorError): void {
    if (!this.#closed) this.#finish(error)
    this.#socket.destroy()
  }

  #finish(error: ClustorError): void {
    this.#closed = true
    this.#reader.stop()
    this.writer.end()
    this.#user.onClose(error)
  }

  #receive(chunk: Buffer): void {
    this.#heard = true
    this.#receivedBytes += chunk.length
    this.#guard(() => this.#reader.push(chunk))
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      if (!(error instanceof ClustorError)) throw error
      this.refuse(error)
    }
  }

  #dispatch(body: Buffer): void {
    switch (body[0]) {
      case frameTypes.ping:
        this.writer.frame(pong)
        return
      case frameTypes.pong:
        return
      case frameTypes.refusal:
        this.close(decodeError(body, 1))
        return
      default:
        this.#user.onBody(body)
    }
  }
}

const ping = Buffer.of(frameTypes.ping)
const pong = Buffer.of(frameTypes.pong)

/** A connection ended: what was under way may have arrived. */
export const connectionLost = (why: string, cause?: unknown): ClustorError =>
  new ClustorError('ERR_CONNECTION_LOST', `the connection ended: ${why}`, {
    outcome: 'unknown',
    cause,
  })
