import { ClustorError } from '../base/errors.js'
import { lengthPrefixBytes } from './frame-types.js'

/** A body that is not there yet gets at most this much memory ahead of its bytes. */
const eagerBytesMax = 64 * 1024

/** Cuts a byte stream into frames. A body that lies within one chunk is handed out as a view of it; one that spans chunks is
 *  copied into memory that grows with what has arrived, so that a length alone costs its sender nothing and us nothing.
 *  docs/protocol.md §1. */
export class FrameReader {
  readonly #onBody: (body: Buffer) => void
  #bodyBytesMax: number
  readonly #prefix = Buffer.alloc(lengthPrefixBytes)
  #prefixBytes = 0
  /** The body that spans chunks: its memory so far, its length, and how much has arrived. */
  #partial: Buffer | null = null
  #partialBodyBytes = 0
  #partialBytes = 0
  /** What came after `pause`. */
  #held: Buffer | null = null
  #paused = false
  #stopped = false

  /** @param onBody gets each body, at least one byte; valid for as long as it is referenced. */
  constructor(bodyBytesMax: number, onBody: (body: Buffer) => void) {
    this.#bodyBytesMax = bodyBytesMax
    this.#onBody = onBody
  }

  /** Changes the limit for the frames to come. */
  setBodyBytesMax(bodyBytesMax: number): void {
    this.#bodyBytesMax = bodyBytesMax
  }

  /** Takes the next chunk of the stream and hands out what is complete.
   *  @throws ERR_FRAME_TOO_LARGE for a body over the limit, before memory is taken; ERR_PROTOCOL for an empty one; and
   *  whatever onBody throws. The reader is useless afterwards. */
  push(chunk: Buffer): void {
    if (this.#stopped) return
    if (this.#paused) {
      this.#held = this.#held === null ? chunk : Buffer.concat([this.#held, chunk])
      return
    }
    this.#consume(chunk)
  }

  /** Hands out no more bodies, not even of the chunk at hand, until `resume`. */
  pause(): void {
    this.#paused = true
  }

  /** Goes on with what is held. @throws as push. */
  resume(): void {
    this.#paused = false
    const held = this.#held
    this.#held = null
    if (held !== null && !this.#stopped) this.#consume(held)
  }

  /** Drops everything that comes. */
  stop(): void {
    this.#stopped = true
    this.#held = null
    this.#partial = null
  }

  #consume(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length && !this.#stopped) {
      if (this.#paused) {
        this.#held = chunk.subarray(offset)
        return
      }
      offset = this.#partial === null ? this.#startBody(chunk, offset) : this.#fill(chunk, offset)
    }
  }

  #startBody(chunk: Buffer, offset: number): number {
    let start = offset
    let bodyBytes: number
    if (this.#prefixBytes === 0 && chunk.length - offset >= lengthPrefixBytes) {
      bodyBytes = chunk.readUInt32LE(offset)
      start += lengthPrefixBytes
    } else {
      const end = offset + lengthPrefixBytes - this.#prefixBytes
      this.#prefixBytes += chunk.copy(this.#prefix, this.#prefixBytes, offset, end)
      if (this.#prefixBytes < lengthPrefixBytes) return chunk.length
      this.#prefixBytes = 0
      bodyBytes = this.#prefix.readUInt32LE(0)
      start = end
    }
    this.#assertBodyBytes(bodyBytes)
    if (chunk.length - start >= bodyBytes) {
      this.#onBody(chunk.subarray(start, start + bodyBytes))
      return start + bodyBytes
    }
    this.#partial = Buffer.allocUnsafeSlow(Math.min(bodyBytes, eagerBytesMax))
    this.#partialBodyBytes = bodyBytes
    this.#partialBytes = 0
    return start
  }

  #fill(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#partialBodyBytes - this.#partialBytes)
    const partial = this.#grown(this.#partialBytes + end - offset)
    this.#partialBytes += chunk.copy(partial, this.#partialBytes, offset, end)
    if (this.#partialBytes === this.#partialBodyBytes) {
      this.#partial = null
      this.#onBody(partial)
    }
    return end
  }

  // Doubling, so that a body of n bytes costs at most 2n bytes of copying whatever its chunks are.
  #grown(neededBytes: number): Buffer {
    let partial = this.#partial ?? Buffer.allocUnsafeSlow(0)
    if (neededBytes > partial.length) {
      const bytes = Math.min(this.#partialBodyBytes, Math.max(neededBytes, partial.length * 2))
      const larger = Buffer.allocUnsafeSlow(bytes)
      partial.copy(larger, 0, 0, this.#partialBytes)
      partial = larger
    }
    this.#partial = partial
    return partial
  }

  #assertBodyBytes(bodyBytes: number): void {
    if (bodyBytes === 0) throw new ClustorError('ERR_PROTOCOL', 'a frame has an empty body')
    if (bodyBytes > this.#bodyBytesMax) {
      const message = `a frame of ${bodyBytes} bytes exceeds the limit of ${this.#bodyBytesMax}`
      throw new ClustorError('ERR_FRAME_TOO_LARGE', message, {
        fields: { bodyBytes, limitBytes: this.#bodyBytesMax },
      })
    }
  }
}
