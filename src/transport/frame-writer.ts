import { lengthPrefixBytes } from './frame-types.js'

/** Memory in which small frames are gathered. */
const slabBytes = 64 * 1024
/** Blocks up to this size are copied next to their head: cheaper than one more buffer for the system call. */
const copiedBlockBytesMax = 16 * 1024

/** Where the bytes go: a socket, as far as it is needed. */
export interface ByteSink {
  readonly writableLength: number
  write(bytes: Uint8Array): boolean
  cork(): void
  uncork(): void
}

/** Gathers the frames of a turn and writes them at its end, with one system call as long as the system takes them. */
export class FrameWriter {
  readonly #sink: ByteSink
  #slab = Buffer.alloc(0)
  #slabStart = 0
  #slabEnd = 0
  #segments: Uint8Array[] = []
  #segmentBytes = 0
  #scheduled = false
  #ended = false

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /** Bytes that the operating system has not taken. */
  get queuedBytes(): number {
    return this.#segmentBytes + this.#slabEnd - this.#slabStart + this.#sink.writableLength
  }

  /** Starts a frame: `headBytes` of its body are to be written into `buffer` from the returned offset on, at once; the
   *  rest, `bodyBytes - headBytes`, follows by `block`. */
  begin(headBytes: number, bodyBytes: number): number {
    this.#makeRoom(lengthPrefixBytes + headBytes)
    this.#slab.writeUInt32LE(bodyBytes, this.#slabEnd)
    const offset = this.#slabEnd + lengthPrefixBytes
    this.#slabEnd = offset + headBytes
    this.#schedule()
    return offset
  }

  /** Where `begin` said that the head goes. */
  get buffer(): Buffer {
    return this.#slab
  }

  /** Adds bytes to the body begun last. They must not change until they are sent. */
  block(bytes: Uint8Array): void {
    if (bytes.length <= copiedBlockBytesMax) {
      this.#makeRoom(bytes.length)
      this.#slab.set(bytes, this.#slabEnd)
      this.#slabEnd += bytes.length
      return
    }
    this.#seal()
    this.#push(bytes)
  }

  /** Queues a whole body. */
  frame(body: Uint8Array): void {
    this.begin(0, body.length)
    this.block(body)
  }

  /** Writes what is gathered, now. */
  flush(): void {
    this.#scheduled = false
    this.#seal()
    const segments = this.#segments
    this.#segments = []
    this.#segmentBytes = 0
    if (segments.length === 0 || this.#ended) return
    if (segments.length === 1) {
      this.#sink.write(segments[0] as Uint8Array)
      return
    }
    this.#sink.cork()
    for (const segment of segments) this.#sink.write(segment)
    this.#sink.uncork()
  }

  /** Drops what is gathered and everything that follows. */
  end(): void {
    this.#ended = true
    this.flush()
  }

  // Frames of a turn come from several microtasks: answers that wait for one promise settle in a row. A tick queued by a
  // microtask runs when no microtask is left, and before the event loop looks at any socket.
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(this.#afterMicrotasks)
  }

  readonly #afterMicrotasks = (): void => {
    process.nextTick(this.#flushScheduled)
  }

  readonly #flushScheduled = (): void => {
    this.flush()
  }

  #makeRoom(bytes: number): void {
    if (this.#slab.length - this.#slabEnd >= bytes) return
    this.#seal()
    this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes))
    this.#slabStart = 0
    this.#slabEnd = 0
  }

  #seal(): void {
    if (this.#slabEnd === this.#slabStart) return
    this.#push(this.#slab.subarray(this.#slabStart, this.#slabEnd))
    this.#slabStart = this.#slabEnd
  }

  #push(segment: Uint8Array): void {
    this.#segments.push(segment)
    this.#segmentBytes += segment.length
  }
}
