/** A running digest of 64 bits (two lanes of FNV-1a): many per step, of a few bytes each, where a cryptographic one would cost
 *  more than the work that it watches. */
export class Digest {
  #low = 0x811c9dc5
  #high = 0x9747b28c

  add(bytes: Uint8Array): void {
    for (const byte of bytes) this.#mix(byte)
    this.addNumber(bytes.length)
  }

  addNumber(value: number): void {
    this.#mix(value & 0xffff)
    this.#mix(value >>> 16)
  }

  toString(): string {
    return hex(this.#high) + hex(this.#low)
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193)
    this.#high = Math.imul(this.#high ^ value, 0x01000197) ^ (this.#low >>> 15)
  }
}

const hex = (lane: number): string => (lane >>> 0).toString(16).padStart(8, '0')
