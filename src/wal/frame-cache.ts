import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import { countWithin, entryCount, joinBatches, sliceBatch } from './frames.js'
import type { FrameBatch } from './replica-log.js'

/** What a cached batch costs beside its frames: its objects and the header of its buffer, about. */
const batchOverheadBytes = 256

/** The newest frames of a log, in one contiguous piece, bounded in bytes; the oldest go first. */
export class FrameCache {
  readonly #bytesMax: number
  readonly #batches: FrameBatch[] = []
  /** The batches before this position have been evicted; the array is compacted when half of it is. */
  #head = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds the newest frames. Frames that do not continue the cached ones replace them. */
  push(batch: FrameBatch): void {
    const last = this.#batches.at(-1)
    if (last !== undefined && last.range.lastIndex + 1 !== batch.range.firstIndex) this.clear()
    this.#batches.push(owned(batch))
    this.#bytes += cost(batch)
    while (this.#bytes > this.#bytesMax && this.#head < this.#batches.length) this.#evict()
    this.#compact()
  }

  /** Forgets entries at `index` and above. */
  truncateFrom(index: LogIndex): void {
    for (let batch = this.#batches.at(-1); batch !== undefined; batch = this.#batches.at(-1)) {
      if (batch.range.lastIndex < index || this.#batches.length === this.#head) return
      this.#batches.pop()
      this.#bytes -= cost(batch)
      if (batch.range.firstIndex < index) {
        const kept = sliceBatch(batch, batch.range.firstIndex, index - batch.range.firstIndex)
        this.#batches.push(kept)
        this.#bytes += cost(kept)
      }
    }
  }

  clear(): void {
    this.#batches.length = 0
    this.#head = 0
    this.#bytes = 0
  }

  /** As many of firstIndex..lastIndex as are here, at most bytesMax but at least one entry; null without firstIndex. */
  get(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    let position = this.#find(firstIndex)
    if (position < 0) return null
    const parts: FrameBatch[] = []
    let next = firstIndex
    let bytesLeft = bytesMax
    for (; next <= lastIndex && position < this.#batches.length; position++) {
      const batch = this.#batches[position]
      invariant(batch !== undefined, 'W2', { position })
      const offset = next - batch.range.firstIndex
      const wanted = Math.min(lastIndex, batch.range.lastIndex) - next + 1
      const { count, bytes } = countWithin(batch.range.byteLengths, offset, wanted, bytesLeft)
      if (parts.length > 0 && bytes > bytesLeft) break
      parts.push(sliceBatch(batch, next, count))
      next = (next + count) as LogIndex
      bytesLeft -= bytes
      if (count < wanted || bytesLeft <= 0) break
    }
    return joinBatches(parts)
  }

  /** The position of the batch that holds an index, or -1. */
  #find(index: LogIndex): number {
    let low = this.#head
    let high = this.#batches.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const range = this.#batches[middle]?.range
      invariant(range !== undefined, 'W2', { middle })
      if (index < range.firstIndex) high = middle - 1
      else if (index > range.lastIndex) low = middle + 1
      else return middle
    }
    return -1
  }

  #evict(): void {
    const batch = this.#batches[this.#head]
    invariant(batch !== undefined && entryCount(batch.range) > 0, 'W2', { head: this.#head })
    this.#bytes -= cost(batch)
    this.#batches[this.#head] = tombstone
    this.#head += 1
  }

  #compact(): void {
    if (this.#head < 64 || this.#head * 2 < this.#batches.length) return
    this.#batches.splice(0, this.#head)
    this.#head = 0
  }
}

const cost = (batch: FrameBatch): number => batch.bytes.byteLength + batchOverheadBytes

/** Stands where an evicted batch was, so that its bytes can be collected. */
const tombstone: FrameBatch = {
  range: {
    firstIndex: 0 as LogIndex,
    lastIndex: 0 as LogIndex,
    runs: [],
    byteLengths: new Uint32Array(0),
  },
  bytes: new Uint8Array(0),
}

/** A view into a far larger buffer (a socket's chunk) would keep all of it alive: such bytes are copied. */
function owned(batch: FrameBatch): FrameBatch {
  if (batch.bytes.buffer.byteLength <= 2 * batch.bytes.byteLength + batchOverheadBytes) return batch
  return { range: batch.range, bytes: new Uint8Array(batch.bytes) }
}
