import { Fifo } from '../base/fifo.js'

/** Batches that may be under way wherever the replicas are. One would leave the disk idle between two batches, many would make
 *  every batch small and pay the cost of a batch for few proposals. */
export const batchesMin = 4

/** Batches that wait for the slowest part of the way: with fewer the window grows, with more it shrinks. With none that part would
 *  idle between two batches, and more than one only wait. */
const queuedMin = 0.5
const queuedMax = 1.5

/** How much the window grows in a round trip. More would overshoot: what is under way too much waits. From the least to 256 it
 *  takes 35 round trips. */
const growth = 1 + 1 / 8

/** Age at which the shortest delay is measured anew: the way may have become longer. */
const shortestMsMax = 30_000

interface Flight {
  readonly startedMs: number
  readonly bytes: number
  /** Batches under way when it had started, itself included. */
  readonly count: number
  /** Whether it is asked what the window is worth. */
  readonly isProbe: boolean
}

/** Most batches, and frame bytes, under way; the least window is open all the same. */
export interface BatchWindowLimits {
  readonly batchesMax: number
  readonly bytesMax: number
}

/** How many batches of proposals may be uncommitted before further ones wait and make a larger batch.
 *
 *  Few make large batches, which cost little for each proposal; but over a long way a batch that waits for an earlier one waits
 *  for most of a round trip. Many keep a long way full; but every batch is a write, and more of them than a disk takes only queue
 *  there. So the window follows the delay from the start of a batch to its commit, as that of TCP Vegas does (Brakmo and Peterson,
 *  1995): the shortest one seen is that of the way alone, and what a batch takes longer it has waited behind others. By Little's law
 *  those are `count * (1 - shortest / delay)` batches. One batch a round trip is asked, one that fills the window.
 *
 *  Between replicas in one place the delays of disks vary by more than they last, and the window stays at its least. */
export class BatchWindow {
  readonly #limits: BatchWindowLimits
  readonly #flights = new Fifo<Flight>()
  #bytes = 0
  #size = batchesMin
  #isProbing = false
  #shortestMs = Infinity
  #shortestAtMs = 0
  /** The window to go back to when the shortest delay has been measured anew; 0 while it is not being measured. */
  #sizeBefore = 0

  constructor(limits: BatchWindowLimits) {
    this.#limits = limits
  }

  /** Batches that may be under way. */
  get size(): number {
    return Math.floor(this.#size)
  }

  /** Whether the next batch has to wait. */
  get isFull(): boolean {
    const { length } = this.#flights
    return length >= this.size || (length >= batchesMin && this.#bytes >= this.#limits.bytesMax)
  }

  /** A batch is proposed.
   *  @param nowMs by a clock that only rises. One of whole ticks leaves the window as it is between near replicas. */
  started(nowMs: number, bytes: number): void {
    const count = this.#flights.length + 1
    const isProbe = !this.#isProbing && count >= this.size
    if (isProbe) this.#isProbing = true
    this.#flights.push({ startedMs: nowMs, bytes, count, isProbe })
    this.#bytes += bytes
  }

  /** The oldest batch is committed. */
  committed(nowMs: number): void {
    const flight = this.#flights.shift()
    if (flight === undefined) return
    this.#bytes -= flight.bytes
    const delayMs = nowMs - flight.startedMs
    if (delayMs <= this.#shortestMs) {
      this.#shortestMs = delayMs
      this.#shortestAtMs = nowMs
    }
    if (!flight.isProbe) return
    this.#isProbing = false
    if (this.#sizeBefore > 0) this.#goBack()
    else this.#resize(flight.count, delayMs)
    if (nowMs - this.#shortestAtMs > shortestMsMax) this.#measureAnew()
  }

  /** Leadership ended: no batch counts any more, and the next one may be on another way. */
  reset(): void {
    this.#flights.clear()
    this.#bytes = 0
    this.#size = batchesMin
    this.#isProbing = false
    this.#shortestMs = Infinity
    this.#sizeBefore = 0
  }

  #resize(count: number, delayMs: number): void {
    const held = delayMs === 0 ? count : (count * this.#shortestMs) / delayMs
    const queued = count - held
    if (queued < queuedMin) this.#size *= growth
    else if (queued > queuedMax) this.#size = Math.round(held) + 1
    else this.#size = this.size
    this.#size = Math.max(batchesMin, Math.min(this.#size, this.#limits.batchesMax))
  }

  /** Lets the way run empty, and then one batch go alone: its delay is that of the way. */
  #measureAnew(): void {
    this.#shortestMs = Infinity
    this.#sizeBefore = this.#size
    this.#size = 1
  }

  #goBack(): void {
    this.#size = this.#sizeBefore
    this.#sizeBefore = 0
  }
}
