import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { EntryKind } from '../../src/raft/entry-range.js'
import { ProposalQueue } from '../../src/replica/proposals.js'
import type { ProposalLimits } from '../../src/replica/proposals.js'

/** A queue whose proposals tell in `events` what became of them. */
class Bench {
  readonly events: string[] = []
  readonly queue: ProposalQueue

  constructor(limits: Partial<ProposalLimits> = {}) {
    this.queue = new ProposalQueue({
      countMax: 100,
      bytesMax: 10_000,
      batchBytesMax: 1_000,
      batchCountMax: 10,
      ...limits,
    })
  }

  add(name: string, options: AddOptions = {}): void {
    const { kind = entryKinds.normal, deadlineMs = Infinity, bytes = 67, signal } = options
    this.queue.add({
      kind,
      bytes: new Uint8Array(bytes),
      deadlineMs,
      signal,
      waiter: {
        resolve: ({ index, term, result }) =>
          this.events.push(`${name} ${index}/${term} ${String(result)}`),
        reject: ({ code, outcome }: ClustorError) => this.events.push(`${name} ${code} ${outcome}`),
      },
    })
  }

  /** Adds proposals and makes them entries of a term. */
  accept(term: number, firstIndex: number, ...names: readonly string[]): void {
    for (const name of names) this.add(name)
    this.queue.takeBatch()
    this.queue.accepted(asTerm(term), asIndex(firstIndex), 1_000)
  }

  apply(index: number, term: number): void {
    this.queue.settle(asIndex(index), asTerm(term), { index: asIndex(index), result: 'ok' }, null)
  }
}

interface AddOptions {
  readonly kind?: EntryKind
  readonly deadlineMs?: number
  readonly bytes?: number
  readonly signal?: AbortSignal
}

test('applied entries answer their proposers', (t) => {
  const bench = new Bench()
  bench.accept(3, 7, 'a', 'b')

  bench.apply(7, 3)
  bench.apply(8, 3)

  t.deepEqual(bench.events, ['a 7/3 ok', 'b 8/3 ok'])
  t.false(bench.queue.expectsAnswers)
})

test('a batch is bounded in count and bytes, and holds one kind', (t) => {
  const bench = new Bench({ batchBytesMax: 300, batchCountMax: 4 })
  for (let at = 0; at < 5; at++) bench.add('n')
  bench.add('s', { kind: entryKinds.session })
  const taken: string[] = []

  for (let batch = bench.queue.takeBatch(); batch !== null; batch = bench.queue.takeBatch()) {
    taken.push(`${batch.kind}x${batch.payloads.length}`)
    t.deepEqual(
      [...batch.byteLengths],
      Array.from(batch.payloads, () => 100),
    )
    bench.queue.dropped(() => new ClustorError('ERR_NOT_LEADER', 'not leader'))
  }

  t.deepEqual(taken, ['0x3', '0x2', '17x1'])
})

test('a proposal larger than a batch travels alone', (t) => {
  const bench = new Bench({ batchBytesMax: 300 })
  bench.add('big', { bytes: 5_000 })
  bench.add('small')

  t.is(bench.queue.takeBatch()?.payloads.length, 1)
})

test('a full queue refuses with ERR_BUSY, by count and by bytes', (t) => {
  const byCount = new Bench({ countMax: 2 })
  for (const name of ['a', 'b', 'c']) byCount.add(name)
  const byBytes = new Bench({ bytesMax: 250 })
  for (const name of ['a', 'b', 'c']) byBytes.add(name)

  t.deepEqual(byCount.events, ['c ERR_BUSY not-applied'])
  t.deepEqual(byBytes.events, ['c ERR_BUSY not-applied'])
})

test('answers make room again', (t) => {
  const bench = new Bench({ countMax: 2, bytesMax: 250 })
  bench.accept(1, 1, 'a', 'b')
  bench.apply(1, 1)

  bench.add('c')
  bench.add('d')

  t.deepEqual(bench.events, ['a 1/1 ok', 'd ERR_BUSY not-applied'])
})

test('what is applied at its index decides about a lost proposal', (t) => {
  const bench = new Bench()
  bench.accept(3, 7, 'kept', 'replaced')
  bench.queue.leadershipLost(1_000)

  bench.apply(7, 3)
  bench.apply(8, 4)

  t.deepEqual(bench.events, ['kept 7/3 ok', 'replaced ERR_PROPOSAL_LOST not-applied'])
})

test('a lost proposal of which nothing is heard is unknown', (t) => {
  const bench = new Bench()
  bench.accept(3, 7, 'a')
  bench.queue.leadershipLost(1_000)

  bench.queue.expire(999)
  t.deepEqual(bench.events, [])
  bench.queue.expire(1_000)

  t.deepEqual(bench.events, ['a ERR_PROPOSAL_LOST unknown'])
  t.false(bench.queue.expectsAnswers)
})

test('proposals of two leaderships may claim one index; each gets its own answer', (t) => {
  const bench = new Bench()
  bench.accept(3, 7, 'old')
  bench.accept(5, 7, 'new')

  bench.apply(7, 5)

  t.deepEqual(bench.events, ['old ERR_PROPOSAL_LOST not-applied', 'new 7/5 ok'])
})

test('a deadline that passes says whether the proposal was in the log', (t) => {
  const bench = new Bench()
  bench.add('in flight', { deadlineMs: 50 })
  bench.queue.takeBatch()
  bench.queue.accepted(asTerm(1), asIndex(1), 1_000)
  bench.add('waiting', { deadlineMs: 50 })

  bench.queue.expire(50)
  bench.apply(1, 1)

  t.deepEqual(bench.events, ['waiting ERR_TIMEOUT not-applied', 'in flight ERR_TIMEOUT unknown'])
  t.is(bench.queue.takeBatch(), null)
})

test('an abort is heard once, and not after the answer', (t) => {
  const bench = new Bench()
  const controller = new AbortController()
  bench.add('a', { signal: controller.signal })
  bench.queue.takeBatch()
  bench.queue.accepted(asTerm(1), asIndex(1), 1_000)
  bench.apply(1, 1)
  bench.add('b', { signal: controller.signal })

  controller.abort()
  bench.add('c', { signal: controller.signal })

  t.deepEqual(bench.events, ['a 1/1 ok', 'b ERR_ABORTED not-applied', 'c ERR_ABORTED not-applied'])
})
