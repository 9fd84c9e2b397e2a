/** The share of a new measurement in the average (RFC 6298 §2, alpha). */
const newestShare = 1 / 8

/** Heartbeats on end after which a long average counts: one that is lost and sent again is no long road. */
const confirmations = 3

/** How long the heartbeats of a leader take to one replica and back: a moving average, in ticks. A tick is long, so a round trip
 *  within one place is 0. */
export class RoundTrip {
  readonly #highTicks: number
  #averageTicks: number | null = null
  #highBeats = 0

  /** @param highTicks an average from which on the round trip is high; 0 for never. */
  constructor(highTicks: number) {
    this.#highTicks = highTicks
  }

  /** Null before the first measurement. */
  get averageTicks(): number | null {
    return this.#averageTicks
  }

  /** Whether the average was high at each of the last few heartbeats. */
  get isHigh(): boolean {
    return this.#highBeats >= confirmations
  }

  /** Takes the measurement of one heartbeat. */
  note(ticks: number): void {
    const before = this.#averageTicks ?? ticks
    this.#averageTicks = before + (ticks - before) * newestShare
    const isLong = this.#highTicks > 0 && this.#averageTicks >= this.#highTicks
    this.#highBeats = isLong ? this.#highBeats + 1 : 0
  }

  /** Starts over for a new leadership: the replica may be reached on another road by then. */
  reset(): void {
    this.#averageTicks = null
    this.#highBeats = 0
  }
}
