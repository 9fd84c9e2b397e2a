import test from 'ava'

import { InvariantError } from '../../src/base/invariant.js'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { EntryKind, EntryRange } from '../../src/raft/entry-range.js'
import { FrameStage } from '../../src/replica/frame-stage.js'
import { frameOverheadBytes } from '../../src/wal/frames.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'
import { MemoryLog } from '../support/memory-log.js'

const log = new MemoryLog()
const { normal, noop, membership } = entryKinds

function frames(term: number, firstIndex: number, count: number): FrameBatch {
  const payloads = Array.from({ length: count }, (_, at) =>
    Buffer.from(`${term}/${firstIndex + at}`),
  )
  return log.encode(asTerm(term), asIndex(firstIndex), normal, payloads)
}

/** A range of runs [term, count] or [term, count, kind]. */
function range(firstIndex: number, ...runs: readonly [number, number, EntryKind?][]): EntryRange {
  const count = runs.reduce((sum, [, runCount]) => sum + runCount, 0)
  return {
    firstIndex: asIndex(firstIndex),
    lastIndex: asIndex(firstIndex + count - 1),
    runs: runs.map(([term, runCount, kind = normal]) => ({
      term: asTerm(term),
      kind,
      count: runCount,
    })),
    byteLengths: new Uint32Array(count).fill(frameOverheadBytes),
  }
}

function texts(batch: FrameBatch | undefined): readonly string[] {
  if (batch === undefined) return []
  return Array.from(batch.range.byteLengths, (_, at) =>
    Buffer.from(log.payload(batch, at)).toString(),
  )
}

function stageOf(...batches: readonly FrameBatch[]): FrameStage {
  const stage = new FrameStage(log)
  for (const batch of batches) stage.add(batch)
  return stage
}

test('batches of one turn become one write', (t) => {
  const stage = stageOf(frames(1, 5, 2), frames(1, 7, 1))

  t.deepEqual(texts(stage.take(range(5, [1, 3]))), ['1/5', '1/6', '1/7'])
  t.true(stage.isEmpty)
})

test('entries that were there already are not written again', (t) => {
  const stage = stageOf(frames(1, 5, 3))

  t.deepEqual(texts(stage.take(range(7, [1, 1]))), ['1/7'])
})

test('a rejected append leaves nothing', (t) => {
  const stage = stageOf(frames(1, 5, 3))

  t.is(stage.take(undefined), undefined)
  t.true(stage.isEmpty)
})

test('the empty entry of a new leader is framed here, before and behind other entries', (t) => {
  t.deepEqual(texts(stageOf().take(range(5, [2, 1, noop]))), [''])
  t.deepEqual(texts(stageOf(frames(2, 6, 1)).take(range(5, [2, 1, noop], [2, 1]))), ['', '2/6'])
  t.deepEqual(texts(stageOf(frames(1, 5, 1)).take(range(5, [1, 1], [2, 1, noop]))), ['1/5', ''])
})

test('the empty entry that leaves a joint configuration is framed here', (t) => {
  const taken = stageOf(frames(2, 6, 1)).take(range(5, [2, 1, membership], [2, 1]))

  t.deepEqual(texts(taken), ['', '2/6'])
})

test('a membership entry with a payload whose frames nobody brought is a defect (P4)', (t) => {
  const wanted = range(5, [2, 1, membership])
  wanted.byteLengths.fill(frameOverheadBytes + 13)

  t.throws(() => stageOf().take(wanted), { instanceOf: InvariantError })
})

test("a rejected append of an old term does not replace the new leader's own entry (P4)", (t) => {
  const stage = stageOf(frames(1, 5, 2))

  t.deepEqual(texts(stage.take(range(5, [2, 1, noop]))), [''])
})

test('frames that overlap staged ones are not accepted (P4)', (t) => {
  const stage = stageOf(frames(1, 5, 2))

  t.false(stage.accepts(asIndex(6)))
  t.true(stage.accepts(asIndex(7)))
  t.throws(
    () => {
      stage.add(frames(2, 6, 1))
    },
    { instanceOf: InvariantError },
  )
})

test('an entry whose frames nobody brought is a defect (P4)', (t) => {
  t.throws(() => stageOf().take(range(5, [1, 1])), { instanceOf: InvariantError })
})

test('what the core dropped without a word makes room for what comes next', (t) => {
  const stage = stageOf(frames(1, 5, 2))

  stage.clear()
  t.true(stage.isEmpty)
  stage.add(frames(2, 3, 1))

  t.deepEqual(texts(stage.take(range(3, [2, 1]))), ['2/3'])
})
