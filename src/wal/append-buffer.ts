import type { NativeLog } from '../native/addon.js'
import { frameOverheadBytes, framePrefixBytes } from './frames.js'

const initialBytes = 64 * 1024
const initialEntries = 256
/** A group of 4 MiB (the default of groupBytesMax) and its frames stay below this. */
const keptBytesMax = 8 * 1024 * 1024

/** Small payloads on their way to the log, each with room for its frame around it: one copy here, at the call, so that the
 *  caller's buffer is free at once; one more in the native call, into memory that the committer owns. */
export class AppendBuffer {
  #bytes = Buffer.allocUnsafeSlow(initialBytes)
  #byteCount = 0
  #byteLengths: Uint32Array = new Uint32Array(initialEntries)
  #entryCount = 0
  /** Entries per write. */
  #counts: Uint32Array = new Uint32Array(initialEntries)
  #writeCount = 0

  get byteCount(): number {
    return this.#byteCount
  }

  get entryCount(): number {
    return this.#entryCount
  }

  get writeCount(): number {
    return this.#writeCount
  }

  /** Starts a write: a unit that becomes durable as a whole. */
  beginWrite(): void {
    if (this.#writeCount === this.#counts.length) this.#counts = doubled(this.#counts)
    this.#counts[this.#writeCount++] = 0
  }

  /** Makes room at once for entries that will be pushed, frames included. */
  reserve(byteCount: number): void {
    const bytesMin = this.#byteCount + byteCount
    if (bytesMin > this.#bytes.byteLength) this.#grow(bytesMin)
  }

  /** Adds an entry to the last write. */
  push(payload: Uint8Array): void {
    const byteLength = payload.byteLength + frameOverheadBytes
    const start = this.#byteCount
    this.reserve(byteLength)
    if (this.#entryCount === this.#byteLengths.length) {
      this.#byteLengths = doubled(this.#byteLengths)
    }
    this.#bytes.set(payload, start + framePrefixBytes)
    this.#byteLengths[this.#entryCount++] = byteLength
    const last = this.#writeCount - 1
    this.#counts[last] = (this.#counts[last] ?? 0) + 1
    this.#byteCount = start + byteLength
  }

  /** Submits everything and starts anew.
   *  @returns the sequence number of the last write; 0 when the log was closed. */
  submit(native: Pick<NativeLog, 'append'>, firstIndex: number, term: number): number {
    const sequence = native.append(
      this.#bytes,
      this.#byteLengths,
      this.#counts.subarray(0, this.#writeCount),
      firstIndex,
      term,
    )
    this.clear()
    return sequence
  }

  /** Forgets everything; a buffer that a burst made large is let go. */
  clear(): void {
    this.#byteCount = 0
    this.#entryCount = 0
    this.#writeCount = 0
    if (this.#bytes.byteLength > keptBytesMax) {
      this.#bytes = Buffer.allocUnsafeSlow(initialBytes)
    }
  }

  #grow(bytesMin: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytesMin, this.#bytes.byteLength * 2))
    grown.set(this.#bytes.subarray(0, this.#byteCount))
    this.#bytes = grown
  }
}

function doubled(values: Uint32Array): Uint32Array {
  const larger = new Uint32Array(values.length * 2)
  larger.set(values)
  return larger
}
