import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { Inflights } from '../../src/raft/inflights.js'
import { Progress } from '../../src/raft/progress.js'

const window = { inflightMessagesMax: 3, inflightBytesMax: 0, highRoundTripTicks: 0 }

function replicating(matchIndex: number): Progress {
  const progress = new Progress(asReplica(2), 1, window)
  progress.acknowledgeMatch(matchIndex)
  progress.becomeReplicate()
  return progress
}

test('a probe carries entries once and then waits', (t) => {
  const progress = new Progress(asReplica(2), 5, window)

  progress.sentAppend(2, 80, 0)

  t.true(progress.paused)
  t.is(progress.nextIndex, asIndex(5))
})

test('replication runs ahead until the window is full of messages', (t) => {
  const progress = replicating(4)

  progress.sentAppend(1, 40, 0)
  progress.sentAppend(1, 40, 0)
  t.false(progress.paused)
  progress.sentAppend(2, 80, 0)

  t.true(progress.paused)
  t.false(progress.admitsEntries)
  t.is(progress.nextIndex, asIndex(9))
})

test('replication runs ahead until the window is full of bytes', (t) => {
  const limits = { ...window, inflightMessagesMax: 100, inflightBytesMax: 1000 }
  const progress = new Progress(asReplica(2), 1, limits)
  progress.becomeReplicate()

  progress.sentAppend(1, 600, 0)
  t.false(progress.paused)
  progress.sentAppend(1, 600, 0)

  t.true(progress.paused)
})

test('an acknowledgement frees the window up to its index', (t) => {
  const progress = replicating(0)
  for (let i = 0; i < 3; i++) progress.sentAppend(1, 40, 0)

  progress.acknowledgeMatch(2)
  progress.freeInflights(2)

  t.false(progress.paused)
  t.like(progress.status({ learner: false }), { inflightMessages: 1, inflightBytes: 40 })
})

test('a heartbeat answer admits an append into a full window, but no entries', (t) => {
  const progress = replicating(0)
  for (let i = 0; i < 3; i++) progress.sentAppend(1, 40, 0)

  progress.resume()

  t.false(progress.paused)
  t.false(progress.admitsEntries)
})

const rejections = [
  { name: 'retreats to the hint', next: 10, rejected: 9, hint: 4, taken: true, expected: 5 },
  {
    name: 'never waits for a hint beyond it',
    next: 5,
    rejected: 4,
    hint: 9,
    taken: true,
    expected: 4,
  },
  {
    name: 'is stale when another probe is out',
    next: 10,
    rejected: 7,
    hint: 4,
    taken: false,
    expected: 10,
  },
  {
    name: 'never goes below the first entry',
    next: 2,
    rejected: 1,
    hint: 0,
    taken: true,
    expected: 1,
  },
]

for (const { name, next, rejected, hint, taken, expected } of rejections) {
  test(`a rejected probe ${name}`, (t) => {
    const progress = new Progress(asReplica(2), next, window)

    t.is(progress.reject(rejected, hint), taken)
    t.is(progress.nextIndex, asIndex(expected))
  })
}

test('a rejection while replicating goes back to the match index, unless it is stale', (t) => {
  const progress = replicating(4)
  progress.sentAppend(3, 120, 0)

  t.false(progress.reject(3, 0))
  t.true(progress.reject(7, 0))
  t.is(progress.nextIndex, asIndex(5))
})

test('a commit index is told early only if it can move the follower on', (t) => {
  const progress = replicating(4)
  progress.sentAppend(2, 80, 4)

  t.false(progress.canAdvanceCommit(4))
  t.true(progress.canAdvanceCommit(5))
  progress.sentAppend(0, 0, 6)
  t.false(progress.canAdvanceCommit(7))
})

test('the in-flight ring keeps its order while it grows and wraps', (t) => {
  const inflights = new Inflights(100, 0)
  let added = 0
  let freed = 0
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 7 && !inflights.full; i++) inflights.add(++added, 10)
    freed = Math.min(added, freed + 5)
    inflights.freeUpTo(freed)
    t.is(inflights.count, added - freed)
    t.is(inflights.bytes, 10 * (added - freed))
  }
  t.true(inflights.count > 90)
})

test('the in-flight window refuses to be overrun', (t) => {
  const inflights = new Inflights(1, 0)
  inflights.add(1, 10)

  t.throws(() => inflights.add(2, 10), { message: /R12/ })
})
