/** What a poller works with. */
export interface PollPorts {
  /** Completions wait for `poll` from now on, instead of waking the event loop. */
  start(): void
  /** Delivers what has completed, which ends what `start` began; false: nothing has. */
  poll(): boolean
  /** Delivers what has completed; from now on completions wake the event loop. */
  stop(): void
  /** Whether something waits for the disk, and little enough that each wake-up counts. */
  isWorthwhile(): boolean
  /** Milliseconds of a clock that never goes back. */
  now(): number
}

/** The event loop that a poller lives in. */
export interface EventLoopTurns {
  /** Runs a function in the next turn of the event loop, which does not sleep before it. */
  next(run: () => void): void
  /** How long this thread has had a processor, milliseconds. */
  cpuMs(): number
}

const noTurns: EventLoopTurns = { next: () => undefined, cpuMs: () => 0 }

/** A turn of the event loop takes some microseconds when it has nothing to do. In a longer one the application ran, or others had the
 *  processor: this much of it at least, where it is a loss. */
const longTurnMs = 0.5
/** Polling gains about a tenth of the time it takes, so it may lose this much of it to others: to wait for a processor, as who polls has
 *  to when somebody else wants it as well. Some long turns a second happen on idle machines too. */
const lossMax = 0.02
/** And this much whenever it begins anew: a thread that slept shares a processor with those that woke it until the scheduler looks for
 *  a better place, at its next tick. */
const lossMsAtFirst = 5
/** What it could have lost and did not is saved up to here, so that a busy time that begins is noticed soon. */
const lossMsSaved = 20
/** Who has lost more pauses until the loss would have been affordable; and twice as long as the last time when it has not polled that
 *  long since. */
const pauseMsMax = 4000

/** Looks for completions from turn to turn of the event loop, while few small writes wait for a fast disk. To be woken by
 *  another thread takes 15 to 30 µs where processors go to sleep, virtual machines most of all: a third of a sync of 60 µs.
 *
 *  Each turn of the loop handles whatever else has happened and offers the processor to others. It polls only when the
 *  disk has lately answered within the limit, not longer than that, and not for a while after it had to wait for the processor
 *  for more than a fiftieth of its time. */
export class CompletionPoller {
  readonly #ports: PollPorts
  readonly #pollMsMax: number
  readonly #turns: EventLoopTurns
  /** How long the disk takes to answer: a moving average. */
  #expectedMs = 0
  #pausedUntilMs = -Infinity
  #pauseMs = 0
  /** How long it has polled since the last pause. */
  #polledMs = 0
  /** How much it may lose before it pauses. */
  #creditMs = lossMsAtFirst
  #isPolling = false
  #untilMs = 0
  #turnMs = 0
  #cpuMs = 0

  /** @param turns undefined: nobody polls.
   *  @param pollMsMax longest time of polling, milliseconds; 0: never. */
  constructor(ports: PollPorts, turns: EventLoopTurns | undefined, pollMsMax: number) {
    this.#ports = ports
    this.#turns = turns ?? noTurns
    this.#pollMsMax = turns === undefined ? 0 : pollMsMax
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
    this.#cpuMs = this.#turns.cpuMs()
    this.#ports.start()
    this.#turns.next(this.#turn)
  }

  /** Something completed, after so long. */
  completed(waitedMs: number): void {
    this.#expectedMs += (waitedMs - this.#expectedMs) / 8
  }

  readonly #turn = (): void => {
    const nowMs = this.#ports.now()
    this.#lookBack(nowMs)
    if (this.#ports.poll()) {
      this.#isPolling = false
      this.wake()
    } else if (this.#mayGoOn(nowMs)) {
      this.#turns.next(this.#turn)
    } else {
      this.#isPolling = false
      this.#ports.stop()
    }
  }

  /** Ends the turn that was. What the application used of a long one is neither lost nor polled. */
  #lookBack(nowMs: number): void {
    const turnMs = nowMs - this.#turnMs
    const cpuMs = this.#turns.cpuMs()
    const othersMs = turnMs - (cpuMs - this.#cpuMs)
    if (turnMs <= longTurnMs) this.#polled(turnMs)
    else if (othersMs > longTurnMs) this.#lost(othersMs, nowMs)
    this.#turnMs = nowMs
    this.#cpuMs = cpuMs
  }

  #polled(turnMs: number): void {
    this.#polledMs += turnMs
    this.#creditMs = Math.min(this.#creditMs + turnMs * lossMax, lossMsSaved)
  }

  #lost(lostMs: number, nowMs: number): void {
    this.#creditMs -= lostMs
    if (this.#creditMs >= 0) return
    const goesOn = this.#polledMs < this.#pauseMs
    this.#pauseMs = Math.min(Math.max(lostMs / lossMax, goesOn ? 2 * this.#pauseMs : 0), pauseMsMax)
    this.#pausedUntilMs = nowMs + this.#pauseMs
    this.#polledMs = 0
    this.#creditMs = lossMsAtFirst
  }

  #mayGoOn(nowMs: number): boolean {
    return nowMs < this.#untilMs && nowMs >= this.#pausedUntilMs && this.#ports.isWorthwhile()
  }
}
