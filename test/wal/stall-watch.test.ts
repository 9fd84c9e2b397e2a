import test from 'ava'
import { StallWatch, type Stall } from '../../src/wal/stall-watch.js'
import { ManualTimers } from '../support/manual-timers.js'

/** A disk that a test makes hang, and the watch that looks at it. */
class Disk {
  readonly timers = new ManualTimers()
  readonly stalls: Stall[] = []
  readonly watch = new StallWatch(
    1000,
    {
      waitedMs: () => (this.#sinceMs === null ? 0 : this.timers.now() - this.#sinceMs),
      onStall: (stall) => this.stalls.push(stall),
    },
    this.timers,
  )
  #sinceMs: number | null = null

  submit(): void {
    this.#sinceMs = this.timers.now()
    this.watch.wake()
  }

  /** A group became durable; others still wait. */
  progress(): void {
    this.#sinceMs = this.timers.now()
  }

  answer(): void {
    this.#sinceMs = null
  }
}

test('W15: a sync that hangs is told once, and once more when it ends', (t) => {
  const disk = new Disk()
  disk.submit()

  disk.timers.advance(10_000)
  t.deepEqual(
    disk.stalls.map(({ ended }) => ended),
    [false],
  )
  t.true(disk.watch.stalledMs >= 10_000)
  disk.answer()
  disk.timers.advance(100)

  t.deepEqual(
    disk.stalls.map(({ ended }) => ended),
    [false, true],
  )
  t.true((disk.stalls[0]?.durationMs ?? 0) < 1200)
  t.true((disk.stalls[1]?.durationMs ?? 0) >= 9_900)
  t.is(disk.watch.stalledMs, 0)
  t.is(disk.watch.count, 1)
})

test('W15: a log that nobody waits for sets no timer', (t) => {
  const disk = new Disk()
  t.is(disk.timers.waitingCount, 0)

  disk.submit()
  disk.answer()
  disk.timers.advance(5_000)

  t.is(disk.timers.waitingCount, 0)
  t.deepEqual(disk.stalls, [])
})

test('W15: a busy disk that makes progress is not stalled', (t) => {
  const disk = new Disk()
  disk.submit()

  for (let round = 0; round < 20; round++) {
    disk.timers.advance(900)
    disk.progress()
  }

  t.deepEqual(disk.stalls, [])
})

test('W15: a blocked event loop is not taken for a disk that hangs', (t) => {
  const disk = new Disk()
  disk.submit()

  // The timer runs first, then the news that came while the loop was blocked.
  disk.timers.advance(1000)
  disk.answer()
  disk.timers.advance(5_000)

  t.deepEqual(disk.stalls, [])
})

test('W15: every stall is counted, and a stopped watch looks no more', (t) => {
  const disk = new Disk()
  for (let round = 0; round < 3; round++) {
    disk.submit()
    disk.timers.advance(2_000)
    disk.answer()
    disk.timers.advance(2_000)
  }
  disk.submit()
  disk.watch.stop()
  disk.timers.advance(5_000)

  t.is(disk.watch.count, 3)
  t.is(disk.stalls.length, 6)
})
