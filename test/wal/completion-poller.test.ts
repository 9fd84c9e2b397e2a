import test from 'ava'
import { CompletionPoller } from '../../src/wal/completion-poller.js'

/** A disk that answers when the test says so, and an event loop that turns when the test says so. */
class Desk {
  readonly calls: string[] = []
  readonly poller: CompletionPoller
  nowMs = 0
  waiting = 0
  cpuMs = 0
  #hasCompleted = false
  #sinceMs = 0
  readonly #turns: (() => void)[] = []

  constructor(pollMsMax: number, { turns = true } = {}) {
    this.poller = new CompletionPoller(
      {
        start: () => this.calls.push('start'),
        poll: () => this.#poll(),
        stop: () => this.calls.push('stop'),
        isWorthwhile: () => this.waiting > 0,
        now: () => this.nowMs,
      },
      turns ? { next: (run) => this.#turns.push(run), cpuMs: () => this.cpuMs } : undefined,
      pollMsMax,
    )
  }

  get isPolling(): boolean {
    return this.#turns.length > 0
  }

  submit(): void {
    if (this.waiting++ === 0) this.#sinceMs = this.nowMs
    this.poller.wake()
  }

  complete(): void {
    this.#hasCompleted = true
  }

  /** @param othersMs of which another program had the processor. */
  turn(ms: number, othersMs = 0): void {
    this.nowMs += ms
    this.cpuMs += ms - othersMs
    for (const run of this.#turns.splice(0)) run()
  }

  /** One write, answered after so long. */
  write(ms: number): void {
    this.submit()
    for (const end = this.nowMs + ms; this.nowMs + 0.1 < end && this.isPolling;) this.turn(0.1)
    this.nowMs = Math.max(this.nowMs, this.#sinceMs + ms)
    this.complete()
    if (this.isPolling) this.turn(0)
    else this.#deliver()
  }

  #poll(): boolean {
    if (!this.#hasCompleted) return false
    this.calls.push('deliver')
    this.#deliver()
    return true
  }

  #deliver(): void {
    this.#hasCompleted = false
    this.waiting = 0
    this.poller.completed(this.nowMs - this.#sinceMs)
  }
}

test('a completion is found in the next turn of the event loop', (t) => {
  const desk = new Desk(0.4)
  desk.submit()
  desk.turn(0.1)
  desk.complete()
  desk.turn(0.1)

  t.deepEqual(desk.calls, ['start', 'deliver'])
  t.false(desk.isPolling)
})

test('polling ends after its limit, and the event loop may sleep', (t) => {
  const desk = new Desk(0.4)
  desk.submit()
  for (let turns = 0; turns < 3; turns++) desk.turn(0.1)
  t.true(desk.isPolling)
  desk.turn(0.1)

  t.deepEqual(desk.calls, ['start', 'stop'])
  t.false(desk.isPolling)
})

test('nobody polls for a disk that answers later than the limit, until it answers sooner', (t) => {
  const desk = new Desk(0.4)
  for (let writes = 0; writes < 8; writes++) desk.write(1)
  desk.calls.length = 0
  desk.write(1)
  t.deepEqual(desk.calls, [])

  for (let writes = 0; writes < 20; writes++) desk.write(0.1)
  desk.calls.length = 0
  desk.write(0.1)
  t.deepEqual(desk.calls, ['start', 'deliver'])
})

test('a single slow answer does not end polling', (t) => {
  const desk = new Desk(0.4)
  for (let writes = 0; writes < 20; writes++) desk.write(0.1)
  desk.write(2)
  desk.calls.length = 0
  desk.write(0.1)

  t.deepEqual(desk.calls, ['start', 'deliver'])
})

/** Loses what may be lost whenever polling begins anew. */
function loseAtFirst(desk: Desk): Desk {
  desk.submit()
  for (let turns = 0; turns < 5; turns++) desk.turn(1, 1)
  return desk
}

const busyDesk = (): Desk => loseAtFirst(new Desk(100_000))

/** Milliseconds until a poller polls again after a turn of the event loop in which another program had the processor. */
function pauseAfter(othersMs: number, desk: Desk, turnMs = othersMs): number {
  desk.submit()
  desk.turn(turnMs, othersMs)
  const sinceMs = desk.nowMs
  desk.poller.wake()
  while (!desk.isPolling) {
    desk.turn(1)
    desk.poller.wake()
  }
  return desk.nowMs - sinceMs
}

test('polling pauses where other programs take the processor, longer the longer they take it', (t) => {
  const turns = [0.1, 0.5, 0.6, 1, 2, 4, 50, 100]
  t.deepEqual(
    turns.map((turnMs) => pauseAfter(turnMs, busyDesk())),
    [0, 0, 30, 50, 100, 200, 2500, 4000],
  )
})

test('a tick of the scheduler may be lost whenever polling begins anew, and no more', (t) => {
  const desk = new Desk(100_000)
  for (let pauses = 0; pauses < 3; pauses++) {
    t.is(pauseAfter(4, desk), 0)
    t.is(pauseAfter(4, desk), 200 * 2 ** pauses)
  }
})

test('a pause is twice as long as the last one when it happens again: the processors are busy', (t) => {
  const desk = busyDesk()
  const pauses = Array.from({ length: 8 }, () => {
    const pauseMs = pauseAfter(2, desk)
    loseAtFirst(desk)
    return pauseMs
  })
  t.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 4000, 4000])
})

test('a fiftieth of the time of polling may be lost, saved up to twenty milliseconds', (t) => {
  const desk = busyDesk()
  for (let turns = 0; turns < 200; turns++) desk.turn(0.5)
  t.is(pauseAfter(2, desk), 0)
  for (let turns = 0; turns < 198; turns++) desk.turn(0.5)
  t.is(pauseAfter(2, desk), 100)

  loseAtFirst(desk)
  for (let turns = 0; turns < 10_000; turns++) desk.turn(0.5)
  t.is(pauseAfter(19.9, desk), 0)
  t.is(pauseAfter(2, desk), 100)
})

test('who has polled as long as it paused begins with short pauses again', (t) => {
  const desk = busyDesk()
  for (let pauses = 0; pauses < 4; pauses++) {
    pauseAfter(2, desk)
    loseAtFirst(desk)
  }
  for (let turns = 0; turns < 1600; turns++) desk.turn(0.5)
  t.is(pauseAfter(20, desk), 1000)
})

test('a long turn of the application itself is no reason to pause', (t) => {
  const desk = busyDesk()
  desk.calls.length = 0
  desk.turn(20)
  t.true(desk.isPolling)
  t.deepEqual(desk.calls, [])
})

test('a long turn of the application is no time of polling, and makes no loss affordable', (t) => {
  const desk = busyDesk()
  desk.turn(1000)
  t.is(pauseAfter(2, desk), 100)
})

test('of a long turn of the application only what others had of it is lost', (t) => {
  t.is(pauseAfter(0.5, busyDesk(), 20), 0)
  t.is(pauseAfter(2, busyDesk(), 20), 100)
})

test('what others had of earlier turns is not lost in a long one', (t) => {
  const desk = busyDesk()
  for (let turns = 0; turns < 20; turns++) desk.turn(0.4, 0.4)
  desk.calls.length = 0
  desk.turn(20)
  t.true(desk.isPolling)
  t.deepEqual(desk.calls, [])
})

test('polling goes on while more waits, and ends when nothing does', (t) => {
  const desk = new Desk(0.4)
  desk.submit()
  desk.complete()
  desk.turn(0.1)
  desk.submit()
  desk.turn(0.1)
  t.true(desk.isPolling)
  desk.waiting = 0 // A blocking append has settled it.
  desk.turn(0.1)

  t.deepEqual(desk.calls, ['start', 'deliver', 'start', 'stop'])
})

test('nobody polls when the limit is 0, or where turns cannot be had', (t) => {
  for (const desk of [new Desk(0), new Desk(0.4, { turns: false })]) {
    desk.submit()
    t.deepEqual(desk.calls, [])
    t.false(desk.isPolling)
  }
})
