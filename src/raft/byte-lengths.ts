const chunkBits = 11
const chunkEntries = 1 << chunkBits
const slotMask = chunkEntries - 1

/** The frame bytes of every entry of a log, four bytes an entry, in chunks: appending never copies what is
 *  there, and dropping a prefix frees whole chunks. Positions are log indexes; callers check the bounds. */
export class ByteLengths {
  readonly #chunks: Uint32Array[] = []
  /** The index that sits in slot 0 of the first chunk. */
  #baseIndex: number
  #nextIndex: number

  constructor(firstIndex: number) {
    this.#baseIndex = firstIndex
    this.#nextIndex = firstIndex
  }

  /** One past the last position. */
  get nextIndex(): number {
    return this.#nextIndex
  }

  append(byteLengths: Uint32Array): void {
    let copied = 0
    while (copied < byteLengths.length) {
      const chunk = this.#tailChunk()
      const slot = (this.#nextIndex - this.#baseIndex) & slotMask
      const count = Math.min(chunkEntries - slot, byteLengths.length - copied)
      copyInto(chunk, slot, byteLengths, copied, count)
      copied += count
      this.#nextIndex += count
    }
  }

  /** Drops everything and goes on at `firstIndex`. */
  restart(firstIndex: number): void {
    this.#chunks.length = 0
    this.#baseIndex = firstIndex
    this.#nextIndex = firstIndex
  }

  /** Drops everything from `index` on. */
  truncateFrom(index: number): void {
    this.#nextIndex = index
    this.#chunks.length = (index - this.#baseIndex + slotMask) >> chunkBits
  }

  /** Frees the chunks that hold only entries before `index`. */
  dropBefore(index: number): void {
    const dropped = (index - this.#baseIndex) >> chunkBits
    if (dropped <= 0) return
    this.#chunks.splice(0, dropped)
    this.#baseIndex += dropped * chunkEntries
  }

  /** A copy of the lengths of first..last. */
  copy(first: number, last: number): Uint32Array {
    const result = new Uint32Array(last - first + 1)
    let copied = 0
    while (copied < result.length) {
      const offset = first + copied - this.#baseIndex
      const slot = offset & slotMask
      const count = Math.min(chunkEntries - slot, result.length - copied)
      copyInto(result, copied, this.#chunks[offset >> chunkBits] as Uint32Array, slot, count)
      copied += count
    }
    return result
  }

  /** The sum over first..last; 0 when first > last. */
  sum(first: number, last: number): number {
    let total = 0
    for (let index = first; index <= last; index++) total += this.#at(index)
    return total
  }

  /** The largest end of a range from `first` within `bytesMax`, but never before `first` nor beyond `last`. */
  endWithin(first: number, last: number, bytesMax: number): number {
    let total = 0
    for (let index = first; index <= last; index++) {
      total += this.#at(index)
      if (total > bytesMax) return Math.max(first, index - 1)
    }
    return last
  }

  #at(index: number): number {
    const offset = index - this.#baseIndex
    return (this.#chunks[offset >> chunkBits] as Uint32Array)[offset & slotMask] as number
  }

  #tailChunk(): Uint32Array {
    const position = (this.#nextIndex - this.#baseIndex) >> chunkBits
    let chunk = this.#chunks[position]
    if (chunk === undefined) {
      chunk = new Uint32Array(chunkEntries)
      this.#chunks.push(chunk)
    }
    return chunk
  }
}

/** Below this a loop is faster than making a view to copy from. */
const viewEntriesMin = 32

function copyInto(
  target: Uint32Array,
  targetOffset: number,
  source: Uint32Array,
  sourceOffset: number,
  count: number,
): void {
  if (count >= viewEntriesMin) {
    target.set(source.subarray(sourceOffset, sourceOffset + count), targetOffset)
    return
  }
  for (let i = 0; i < count; i++) target[targetOffset + i] = source[sourceOffset + i] as number
}
