import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { asIndex } from '../../src/base/ids.js'
import type { LogIndex } from '../../src/base/ids.js'
import { ReadQueue } from '../../src/replica/reads.js'

/** A queue whose reads tell in `events` what became of them. */
class Bench {
  readonly events: string[] = []
  readonly queue: ReadQueue

  constructor(countMax = 100) {
    this.queue = new ReadQueue(countMax)
  }

  add(
    name: string,
    { deadlineMs = Infinity, signal, anywhere = false, at }: AddOptions = {},
  ): void {
    const request = {
      deadlineMs,
      signal,
      anywhere,
      serve: (appliedIndex: LogIndex) => this.events.push(`${name} served at ${appliedIndex}`),
      reject: ({ code }: ClustorError) => this.events.push(`${name} ${code}`),
    }
    if (at === undefined) this.queue.add(request)
    else this.queue.addAt(asIndex(at), request)
  }

  confirm(context: number | null, index: number): void {
    this.queue.confirmed({ context: context ?? 0, index: asIndex(index) })
  }
}

interface AddOptions {
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
  readonly anywhere?: boolean
  /** The index that the read names. */
  readonly at?: number
}

test('reads of one turn share a round and wait until its index is applied', (t) => {
  const bench = new Bench()
  bench.add('a')
  bench.add('b')
  const context = bench.queue.startRound()
  t.is(bench.queue.startRound(), null)

  bench.confirm(context, 7)
  bench.queue.serve(asIndex(6))
  t.deepEqual(bench.events, [])
  bench.queue.serve(asIndex(8))

  t.deepEqual(bench.events, ['a served at 8', 'b served at 8'])
  t.is(bench.queue.pendingCount, 0)
})

test('L02: every attempt has a context of its own, and an unknown one confirms nothing', (t) => {
  const bench = new Bench()
  bench.add('a')
  const first = bench.queue.startRound()
  bench.queue.dropped(first ?? 0, () => new ClustorError('ERR_NOT_LEADER', 'no'))
  bench.add('a again')
  const second = bench.queue.startRound()

  bench.confirm(first, 5)
  bench.queue.serve(asIndex(9))

  t.not(second, first)
  t.deepEqual(bench.events, ['a ERR_NOT_LEADER'])
})

test('rounds in flight are bounded; reads beyond them share the next one', (t) => {
  const bench = new Bench()
  const contexts: (number | null)[] = []
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    bench.add(name)
    contexts.push(bench.queue.startRound())
  }
  t.deepEqual(contexts.slice(4), [null, null])

  bench.confirm(contexts[0] ?? 0, 1)
  const next = bench.queue.startRound()
  bench.confirm(next, 1)
  bench.queue.serve(asIndex(1))

  t.deepEqual(bench.events, ['a served at 1', 'e served at 1', 'f served at 1'])
})

test('a full queue refuses with ERR_BUSY', (t) => {
  const bench = new Bench(1)
  bench.add('a')
  bench.add('b')

  t.deepEqual(bench.events, ['b ERR_BUSY'])
})

test('a read ends once: by its deadline, by its signal, or served', (t) => {
  const bench = new Bench()
  const controller = new AbortController()
  bench.add('late', { deadlineMs: 50 })
  bench.add('aborted', { signal: controller.signal })
  bench.add('served')
  const context = bench.queue.startRound()

  bench.queue.expire(50)
  controller.abort()
  bench.add('too late', { signal: controller.signal })
  bench.confirm(context, 1)
  bench.queue.serve(asIndex(1))
  bench.queue.failAll(() => new ClustorError('ERR_CLOSED', 'closed'))

  t.deepEqual(bench.events, [
    'late ERR_TIMEOUT',
    'aborted ERR_ABORTED',
    'too late ERR_ABORTED',
    'served served at 1',
  ])
})

test('L10: reads that name an index are served when it is applied, in any order, without a round', (t) => {
  const bench = new Bench()
  bench.add('later', { at: 9 })
  bench.add('sooner', { at: 5 })
  t.is(bench.queue.startRound(), null)

  for (const appliedIndex of [4, 5, 8, 12]) bench.queue.serve(asIndex(appliedIndex))

  t.deepEqual(bench.events, ['sooner served at 5', 'later served at 12'])
  t.is(bench.queue.pendingCount, 0)
})

test('a read that names an index ends by its deadline, its signal or the end of all', (t) => {
  const bench = new Bench()
  const controller = new AbortController()
  bench.add('late', { at: 9, deadlineMs: 50 })
  bench.add('aborted', { at: 9, signal: controller.signal })
  bench.add('closed', { at: 9 })

  bench.queue.expire(50)
  controller.abort()
  bench.queue.failAll(() => new ClustorError('ERR_CLOSED', 'closed'))
  bench.queue.serve(asIndex(9))

  t.deepEqual(bench.events, ['late ERR_TIMEOUT', 'aborted ERR_ABORTED', 'closed ERR_CLOSED'])
})

test('at a follower only the reads that may be served anywhere get a round', (t) => {
  const bench = new Bench()
  bench.add('leader only')
  bench.add('anywhere', { anywhere: true })

  bench.queue.refuseAtFollower(() => new ClustorError('ERR_NOT_LEADER', 'no'))
  bench.confirm(bench.queue.startRound(), 1)
  bench.queue.serve(asIndex(1))

  t.deepEqual(bench.events, ['leader only ERR_NOT_LEADER', 'anywhere served at 1'])
})
