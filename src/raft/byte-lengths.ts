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
      chunk.set(byteLengths.subarray(copied, copied + count), slot)
      copied += count
      this.#nextIndex += count
    }
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
      const piece = this.#piece(first + copied, last)
      result.set(piece, copied)
      copied += piece.length
    }
    return result
  }

  /** The sum over first..last; 0 when first > last. */
  sum(first: number, last: number): number {
    let total = 0
    for (let index = first; index <= last;) {
      const piece = this.#piece(index, last)
      for (const bytes of piece) total += bytes
      index += piece.length
    }
    return total
  }

  /** The largest end of a range from `first` within `bytesMax`, but never before `first` nor beyond `last`. */
  endWithin(first: number, last: number, bytesMax: number): number {
    let total = 0
    for (let index = first; index <= last;) {
      const piece = this.#piece(index, last)
      for (const bytes of piece) {
        total += bytes
        if (total > bytesMax) return Math.max(first, index - 1)
        index++
      }
    }
    return last
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

  /** A view from `index` to the end of its chunk, or to `last`. */
  #piece(index: number, last: number): Uint32Array {
    const offset = index - this.#baseIndex
    const slot = offset & slotMask
    const count = Math.min(chunkEntries - slot, last - index + 1)
    return (this.#chunks[offset >> chunkBits] as Uint32Array).subarray(slot, slot + count)
  }
}
