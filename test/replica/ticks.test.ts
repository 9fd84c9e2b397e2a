import test from 'ava'

import { SkippedTicks, StallGuard } from '../../src/replica/ticks.js'

/** For how long each of the ticks says that the process stood still. */
const stalledAt = (...times: readonly number[]): readonly number[] => {
  const guard = new StallGuard(75, 0)
  return times.map((nowMs) => guard.stalledMs(nowMs))
}

test('E14: a tick after a stall does not count, the one after it does', (t) => {
  t.deepEqual(stalledAt(10, 20, 620, 630), [0, 0, 600, 0])
})

test('E14: a loop that is always slow still has a clock', (t) => {
  t.deepEqual(stalledAt(100, 200, 300, 400), [100, 0, 100, 0])
})

test('a little lateness is no stall', (t) => {
  t.deepEqual(stalledAt(74, 148, 160), [0, 0, 0])
})

test('stalls are counted', (t) => {
  const guard = new StallGuard(75, 0)
  for (const nowMs of [100, 110, 500]) guard.stalledMs(nowMs)

  t.is(guard.count, 2)
})

test('ticks that passed and were not given are told once', (t) => {
  const skipped = new SkippedTicks(10, 1000)

  t.is(skipped.take(1010, 1), 0)
  t.is(skipped.take(1059, 0), 4)
  t.is(skipped.take(1059, 0), 0)
  t.is(skipped.take(1060, 1), 0)
})

test('a tick that comes early takes nothing back, and the next ones make up for it', (t) => {
  const skipped = new SkippedTicks(10, 0)

  t.is(skipped.take(9, 1), 0)
  t.is(skipped.take(10, 0), 0)
  t.is(skipped.take(35, 0), 2)
})
