import { invariant } from '../base/invariant.js'

const initialCapacity = 16

/** The appends that a follower has not answered yet, oldest first: a ring that grows up to its limit. */
export class Inflights {
  readonly #messagesMax: number
  readonly #bytesMax: number
  #lastIndexes = new Float64Array(initialCapacity)
  #byteCounts = new Float64Array(initialCapacity)
  #head = 0
  #count = 0
  #bytes = 0

  /** @param bytesMax 0 for no limit. The message that crosses it is still admitted, so that any entry can be sent. */
  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax
    this.#bytesMax = bytesMax
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get full(): boolean {
    if (this.#count >= this.#messagesMax) return true
    return this.#bytesMax > 0 && this.#bytes >= this.#bytesMax
  }

  /** Remembers an append whose last entry is `lastIndex`. */
  add(lastIndex: number, bytes: number): void {
    invariant(!this.full, 'R12', { count: this.#count, bytes: this.#bytes })
    if (this.#count === this.#lastIndexes.length) this.#grow()
    const slot = (this.#head + this.#count) % this.#lastIndexes.length
    this.#lastIndexes[slot] = lastIndex
    this.#byteCounts[slot] = bytes
    this.#count++
    this.#bytes += bytes
  }

  /** Forgets the appends up to the one that ends at `index`. */
  freeUpTo(index: number): void {
    while (this.#count > 0 && (this.#lastIndexes[this.#head] ?? 0) <= index) {
      this.#bytes -= this.#byteCounts[this.#head] ?? 0
      this.#head = (this.#head + 1) % this.#lastIndexes.length
      this.#count--
    }
  }

  clear(): void {
    this.#head = 0
    this.#count = 0
    this.#bytes = 0
  }

  #grow(): void {
    this.#lastIndexes = unrolled(this.#lastIndexes, this.#head)
    this.#byteCounts = unrolled(this.#byteCounts, this.#head)
    this.#head = 0
  }
}

/** A ring of twice the size that begins with the oldest element. */
function unrolled(ring: Float64Array, head: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(ring.length * 2)
  larger.set(ring.subarray(head), 0)
  larger.set(ring.subarray(0, head), ring.length - head)
  return larger
}
