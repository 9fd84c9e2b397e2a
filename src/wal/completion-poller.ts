/** What a poller works with. */
export interface PollPorts {
  /** Completions wait for `poll` from now on, instead of waking the event loop. */
  start(): void
  /** Delivers what has completed, which ends what `start` began; false: nothing has. */
  poll(): boolean
  /** Delivers what has completed; from now on completions wake the event loop. */
  stop(): void
  /** How often others have taken the processor from this thread. */
  preemptions(): number
  /** Whether something waits for the disk, and little enough that each wake-up counts. */
  isWorthwhile(): boolean
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Runs a function in the next turn of the event loop, which does not sleep before it; null: polling is not possible. */
  readonly nextTurn: ((run: () => void) => void) | null
}

/** A turn of the event loop takes some microseconds when it has nothing to do. */
const longTurnMs = 0.5
/** After a longer one in which another program had the processor, nobody polls for so many milliseconds, times the square of those
 *  of the turn: 90 ms after 0.6, which happens on an idle machine too, seconds after a scheduler's tick of 4. Who has polled
 *  waits longer for the processor afterwards. */
const pauseFactor = 250
/** When it happens again so soon after a pause, the next one is twice as long: the processors are busy. */
const soonMs = 50
const pauseMsMax = 4000

/** Looks for completions from turn to turn of the event loop, while few small writes wait for a fast disk. To be woken by
 *  another thread takes 15 to 30 µs where processors go to sleep, virtual machines most of all: a third of a sync of 60 µs.
 *
 *  Each turn of the loop handles whatever else has happened and offers the processor to others. It polls only when the
 *  disk has lately answered within the limit, not longer than that, and not for a while after others had the processor. */
export class CompletionPoller {
  readonly #ports: PollPorts
  readonly #pollMsMax: number
  readonly #nextTurn: (run: () => void) => void
  /** How long the disk takes to answer: a moving average. */
  #expectedMs = 0
  #pausedUntilMs = -Infinity
  #pauseMs = 0
  #isPolling = false
  #untilMs = 0
  #turnMs = 0
  #preemptions = 0

  /** @param pollMsMax longest time of polling, milliseconds; 0: never. */
  constructor(ports: PollPorts, pollMsMax: number) {
    this.#ports = ports
    this.#pollMsMax = ports.nextTurn === null ? 0 : pollMsMax
    this.#nextTurn = ports.nextTurn ?? (() => undefined)
  }

  /** Something was submitted. Costs next to nothing when polling is not worth while. */
  wake(): void {
    if (this.#isPolling || this.#expectedMs >= this.#pollMsMax || !this.#ports.isWorthwhile())
      return
    const nowMs = this.#ports.now()
    if (nowMs < this.#pausedUntilMs) return
    this.#isPolling = true
    this.#untilMs = nowMs + this.#pollMsMax
    this.#turnMs = nowMs
    this.#preemptions = this.#ports.preemptions()
    this.#ports.start()
    this.#nextTurn(this.#turn)
  }

  /** Something completed, after so long. */
  completed(waitedMs: number): void {
    this.#expectedMs += (waitedMs - this.#expectedMs) / 8
  }

  readonly #turn = (): void => {
    const nowMs = this.#ports.now()
    if (nowMs - this.#turnMs > longTurnMs) this.#pauseIfPreempted(nowMs - this.#turnMs, nowMs)
    this.#turnMs = nowMs
    if (this.#ports.poll()) {
      this.#isPolling = false
      this.wake()
    } else if (this.#mayGoOn(nowMs)) {
      this.#nextTurn(this.#turn)
    } else {
      this.#isPolling = false
      this.#ports.stop()
    }
  }

  #pauseIfPreempted(turnMs: number, nowMs: number): void {
    if (this.#ports.preemptions() === this.#preemptions) return
    const pauseMs = pauseFactor * turnMs ** 2
    const soon = nowMs - this.#pausedUntilMs < soonMs
    this.#pauseMs = Math.min(soon ? Math.max(pauseMs, 2 * this.#pauseMs) : pauseMs, pauseMsMax)
    this.#pausedUntilMs = nowMs + this.#pauseMs
  }

  #mayGoOn(nowMs: number): boolean {
    return nowMs < this.#untilMs && nowMs >= this.#pausedUntilMs && this.#ports.isWorthwhile()
  }
}
