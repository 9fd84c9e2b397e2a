/** A source of randomness that is handed in, so that a run is a function of its seed. */
export interface Random {
  /** The next integer in [0, 2^32). */
  nextUint32(): number
}

/** A uniform integer in [min, max], both included. */
export function integerBetween(random: Random, min: number, max: number): number {
  return min + Math.floor((random.nextUint32() / 2 ** 32) * (max - min + 1))
}

/** A small seeded generator (sfc32): equal seeds give equal streams on every platform. */
export class SeededRandom implements Random {
  #a = 0x9e3779b9
  #b = 0x243f6a88
  #c: number
  #counter = 1

  constructor(seed: number) {
    this.#c = seed >>> 0
    for (let round = 0; round < 12; round++) this.nextUint32()
  }

  nextUint32(): number {
    const result = (this.#a + this.#b + this.#counter++) >>> 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) >>> 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) >>> 0
    return result
  }
}
