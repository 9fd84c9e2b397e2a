import test from 'ava'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { LogView } from '../../src/raft/log-view.js'
import { recoveredEntries } from './support/disk.js'
import { range } from './support/messages.js'

function logOf(terms: readonly number[]): LogView {
  const { runs, byteLengths } = range(1, terms)
  const log = new LogView(recoveredEntries([]))
  log.appendRuns(runs, byteLengths)
  return log
}

test('terms are known from the entry before the first to the last', (t) => {
  const log = logOf([1, 1, 2, 5])

  t.deepEqual(
    [0, 1, 2, 3, 4, 5].map((index) => log.termAt(index) as number | undefined),
    [0, 1, 1, 2, 5, undefined],
  )
})

test('a compacted log remembers the term before its first entry and nothing earlier', (t) => {
  const log = logOf([1, 1, 2, 2, 5])

  log.compactBefore(4)

  t.is(log.firstIndex, asIndex(4))
  t.deepEqual(
    [2, 3, 4, 5].map((index) => log.termAt(index) as number | undefined),
    [undefined, 2, 2, 5],
  )
})

test('a log may be compacted completely and grows on from there', (t) => {
  const log = logOf([1, 2])

  log.compactBefore(3)
  log.appendRuns([{ term: asTerm(2), kind: 0, count: 1 }], Uint32Array.of(40))

  t.deepEqual(log.last, { index: asIndex(3), term: asTerm(2) })
  t.deepEqual(log.slice(3, 3), {
    firstIndex: asIndex(3),
    lastIndex: asIndex(3),
    runs: [{ term: asTerm(2), kind: 0, count: 1 }],
    byteLengths: Uint32Array.of(40),
  })
})

test('entries whose terms fall are refused', (t) => {
  const log = logOf([2])

  t.throws(() => log.appendRuns([{ term: asTerm(1), kind: 0, count: 1 }], Uint32Array.of(1)), {
    message: /R9/,
  })
})

test('runs and byte lengths that disagree are refused', (t) => {
  const log = logOf([])

  t.throws(() => log.appendRuns([{ term: asTerm(1), kind: 0, count: 2 }], Uint32Array.of(1)), {
    message: /R8/,
  })
})

test('a page ends at the byte limit but holds at least one entry', (t) => {
  const log = logOf([])
  log.appendRuns([{ term: asTerm(1), kind: 0, count: 4 }], Uint32Array.of(100, 10, 10, 10))

  t.deepEqual(
    [0, 100, 119, 120, 1000].map((bytesMax) => log.endWithin(1, 4, bytesMax) as number),
    [1, 1, 2, 3, 4],
  )
})

const conflicts = [
  { name: 'all held', log: [1, 1, 2], first: 2, terms: [1, 2], expected: undefined },
  { name: 'a part beyond the end', log: [1, 1, 2], first: 3, terms: [2, 2, 3], expected: 4 },
  { name: 'another term in the middle', log: [1, 1, 2, 2], first: 2, terms: [1, 3], expected: 3 },
  { name: 'another term at once', log: [1, 1, 1], first: 1, terms: [2, 2, 2], expected: 1 },
  { name: 'nothing held', log: [], first: 1, terms: [4], expected: 1 },
]

for (const { name, log, first, terms, expected } of conflicts) {
  test(`the first missing entry of a range with ${name} is ${expected}`, (t) => {
    t.is<number | undefined, number | undefined>(
      logOf(log).firstMissing(range(first, terms)),
      expected,
    )
  })
}

const hints = [
  { name: 'the position itself when its term is low enough', at: 3, term: 2, expected: [3, 2] },
  { name: 'the end of the last run that is low enough', at: 6, term: 4, expected: [3, 2] },
  { name: 'the empty beginning when every term is higher', at: 6, term: 0, expected: [0, 0] },
  { name: 'the position without a term beyond the end', at: 9, term: 4, expected: [9, 0] },
]

for (const { name, at, term, expected } of hints) {
  test(`a hint by term is ${name}`, (t) => {
    const hint = logOf([1, 2, 2, 5, 5, 6]).lastWithTermAtMost(at, asTerm(term))

    t.deepEqual([hint.index, hint.term] as number[], expected)
  })
}

test('columns survive chunk borders, truncation and compaction', (t) => {
  const seed = 7
  const random = new SeededRandom(seed)
  const log = logOf([])
  let model: number[] = []
  let first = 1
  for (let round = 0; round < 300; round++) {
    const added = Array.from({ length: integerBetween(random, 1, 900) }, () =>
      integerBetween(random, 1, 5000),
    )
    log.appendRuns([{ term: asTerm(1), kind: 0, count: added.length }], Uint32Array.from(added))
    model.push(...added)
    if (round % 3 === 0) {
      const from = integerBetween(random, first, log.lastIndex + 1)
      log.truncateFrom(from)
      model = model.slice(0, from - first)
    }
    if (round % 5 === 0) {
      const before = integerBetween(random, first, log.lastIndex + 1)
      log.compactBefore(before)
      model = model.slice(before - first)
      first = before
    }
    if (model.length === 0) continue
    t.deepEqual([...log.slice(first, log.lastIndex).byteLengths], model, `seed ${seed}`)
    const sum = model.reduce((total, bytes) => total + bytes, 0)
    t.is(log.bytesBetween(first, log.lastIndex), sum, `seed ${seed}`)
  }
})

test('a million entries cost a few bytes each', (t) => {
  const log = logOf([])
  const before = process.memoryUsage()
  for (let batch = 0; batch < 1000; batch++) {
    log.appendRuns([{ term: asTerm(1), kind: 0, count: 1000 }], new Uint32Array(1000).fill(300))
  }
  const after = process.memoryUsage()

  const arrays = after.arrayBuffers - before.arrayBuffers
  t.true(arrays < 12_000_000, `${arrays} bytes of arrays`)
  t.is(log.lastIndex, asIndex(1_000_000))
})
