import type { Timer, Timers } from '../base/timers.js'

/** A disk that does not answer. */
export interface Stall {
  /** How long the write that hangs has been under way, milliseconds. */
  readonly durationMs: number
  /** False when the stall is noticed, true when it is over. */
  readonly ended: boolean
}

/** What a watch looks at. */
export interface StallPorts {
  /** How long nothing has become durable although something is pending, milliseconds; 0 when nothing is. */
  waitedMs(): number
  /** Called once when a stall is noticed and once when it ends. */
  onStall(stall: Stall): void
}

/** While a stall lasts, its end is looked for this often. */
const recheckMs = 50

/** Notices that the disk hangs: for syncStallMs nothing has become durable although something is pending. It looks, on a
 *  timer, only while something is pending; an idle log costs nothing. The sync itself runs on a native thread, so that
 *  the event loop stays free.
 *
 *  A stall is only believed when two looks in a row see it: after the event loop was blocked, its timers run before it
 *  hears what became durable meanwhile. */
export class StallWatch {
  readonly #stallMs: number
  readonly #ports: StallPorts
  readonly #timers: Timers
  #timer: Timer | null = null
  /** How long the present stall has lasted when it was last looked at; null when there is none. */
  #stalledMs: number | null = null
  #suspected = false
  #count = 0

  constructor(stallMs: number, ports: StallPorts, timers: Timers) {
    this.#stallMs = stallMs
    this.#ports = ports
    this.#timers = timers
  }

  /** How many stalls there were, the present one included. */
  get count(): number {
    return this.#count
  }

  /** How long the disk has not answered, when it counts as stalled; else 0. */
  get stalledMs(): number {
    return this.#stalledMs === null ? 0 : Math.max(this.#stalledMs, this.#ports.waitedMs())
  }

  /** Something is pending. Costs next to nothing when the watch looks already. */
  wake(): void {
    if (this.#timer === null) this.#lookAgain(this.#stallMs)
  }

  /** Looks no more; a stall that lasts does not end for its listener. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #lookAgain(delayMs: number): void {
    this.#timer = this.#timers.after(delayMs, this.#look)
  }

  readonly #look = (): void => {
    this.#timer = null
    const waitedMs = this.#ports.waitedMs()
    const late = waitedMs >= this.#stallMs
    if (late && this.#suspected) this.#stalled(waitedMs)
    else if (!late) this.#recovered()
    this.#suspected = late
    if (late) this.#lookAgain(Math.min(recheckMs, this.#stallMs))
    else if (waitedMs > 0) this.#lookAgain(this.#stallMs - waitedMs)
  }

  #stalled(durationMs: number): void {
    const isNew = this.#stalledMs === null
    this.#stalledMs = durationMs
    if (!isNew) return
    this.#count += 1
    this.#ports.onStall({ durationMs, ended: false })
  }

  #recovered(): void {
    const durationMs = this.#stalledMs
    if (durationMs === null) return
    this.#stalledMs = null
    this.#ports.onStall({ durationMs, ended: true })
  }
}
