import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import type { FaultCounts } from './faults.js'
import type { Trace } from './trace.js'

interface Flight {
  dueStep: number
  readonly message: PeerMessage
}

const strayStepsMax = 150

/** A network that loses, repeats, delays and thereby reorders messages, and whose links can be cut in one direction. */
export class SimulatedNetwork {
  lossPercent = 0
  duplicatePercent = 0
  delayStepsMax = 0
  /** Out of 1000 messages, so many come long after all others. */
  strayPermille = 0
  readonly #random: Random
  readonly #faults: FaultCounts
  readonly #trace: Trace
  readonly #cut = new Set<string>()
  #flights: Flight[] = []

  constructor(random: Random, faults: FaultCounts, trace: Trace) {
    this.#random = random
    this.#faults = faults
    this.#trace = trace
  }

  send(message: PeerMessage): void {
    if (this.#chance(this.lossPercent)) {
      this.#faults.messageLost += 1
      return
    }
    this.#queue(message)
    if (!this.#chance(this.duplicatePercent)) return
    this.#faults.messageDuplicated += 1
    this.#queue(message)
  }

  /** Takes what has arrived by now, without what the cuts swallowed. */
  takeDue(): readonly PeerMessage[] {
    const { step } = this.#trace
    const due: PeerMessage[] = []
    const later: Flight[] = []
    for (const flight of this.#flights) {
      if (flight.dueStep > step) later.push(flight)
      else if (!this.#isCut(flight.message)) due.push(flight.message)
    }
    this.#flights = later
    return due
  }

  /** What is under way to a node comes so much later.
   *  @returns how many messages. */
  holdUp(to: number, steps: number): number {
    const late = this.#flights.filter(({ message }) => message.message.to === to)
    for (const flight of late) flight.dueStep += steps
    return late.length
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`)
  }

  heal(): void {
    this.#cut.clear()
  }

  calm(): void {
    this.heal()
    this.lossPercent = 0
    this.duplicatePercent = 0
    this.delayStepsMax = 0
    this.strayPermille = 0
  }

  #isCut({ message: { from, to } }: PeerMessage): boolean {
    return this.#cut.size > 0 && this.#cut.has(`${from}>${to}`)
  }

  #queue(message: PeerMessage): void {
    const delay = this.#delay()
    const dueStep = this.#trace.step + 1 + delay
    const { from, to } = message.message
    const overtaken = this.#flights.some(
      (flight) =>
        flight.dueStep > dueStep &&
        flight.message.message.from === from &&
        flight.message.message.to === to,
    )
    if (overtaken) this.#faults.messageReordered += 1
    this.#flights.push({ dueStep, message })
  }

  #delay(): number {
    const strays =
      this.strayPermille > 0 && integerBetween(this.#random, 1, 1_000) <= this.strayPermille
    if (!strays) return integerBetween(this.#random, 0, this.delayStepsMax)
    this.#faults.messageStrayed += 1
    return integerBetween(this.#random, 20, strayStepsMax)
  }

  #chance(percent: number): boolean {
    return percent > 0 && integerBetween(this.#random, 1, 100) <= percent
  }
}
