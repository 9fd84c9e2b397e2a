import type { Random } from '../base/random.js'

interface Request {
  readonly number: number
  readonly contexts: readonly number[]
}

/** Numbers that one life of a replica has for itself; a life that asks more often goes on into those of another. */
const numbersPerLife = 2 ** 20

/** The reads for which a follower asks its leader, until they are answered. All reads of one turn share one request.
 *
 *  A leader takes a request after it was sent, so its answer holds for every read that was asked before: for those of its
 *  request and of all earlier ones. An answer to a request of an earlier life must hold for none, so numbers begin at random:
 *  two lives share them with a probability of 2^-32, and then only a late answer would find its number in use. */
export class ForwardedReads {
  #asked: number[] = []
  #requests: Request[] = []
  #lastNumber = 0
  /** When the newest request was last sent. */
  sentTicks = 0

  /** A read wants to be served. */
  ask(context: number): void {
    this.#asked.push(context)
  }

  /** Whether there are reads that no request was sent for. */
  get hasAsked(): boolean {
    return this.#asked.length > 0
  }

  /** The number of the newest request; 0 when none waits for an answer. */
  get newestNumber(): number {
    return this.#requests.at(-1)?.number ?? 0
  }

  /** Puts what was asked since the last one into a new request.
   *  @returns its number. */
  request(random: Random): number {
    if (this.#lastNumber === 0) this.#lastNumber = random.nextUint32() * numbersPerLife
    this.#lastNumber++
    this.#requests.push({ number: this.#lastNumber, contexts: this.#asked })
    this.#asked = []
    return this.#lastNumber
  }

  /** A leader answered request `number`.
   *  @returns the reads that the answer holds for; none for an unknown number. */
  answer(number: number): number[] {
    if (!this.#requests.some((request) => request.number === number)) return []
    const answered = this.#requests.filter((request) => request.number <= number)
    this.#requests = this.#requests.filter((request) => request.number > number)
    return answered.flatMap(({ contexts }) => contexts)
  }

  /** Every read that waits, for somebody who leads now himself. */
  takeAll(): number[] {
    const waiting = [...this.#requests.flatMap(({ contexts }) => contexts), ...this.#asked]
    this.#requests = []
    this.#asked = []
    return waiting
  }
}
