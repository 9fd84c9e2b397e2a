import test from 'ava'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { FrameCache } from '../../src/wal/frame-cache.js'
import { PayloadCursor } from '../../src/wal/frames.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'
import { decodeFrames, encodeFrames } from '../support/frame-codec.js'

const batch = (firstIndex: number, count: number, term = 1): FrameBatch =>
  encodeFrames(
    asTerm(term),
    asIndex(firstIndex),
    entryKinds.normal,
    Array.from({ length: count }, (_, position) => Buffer.from(`entry ${firstIndex + position}`)),
  )

const get = (cache: FrameCache, first: number, last: number, bytesMax = 1e9): string[] => {
  const found = cache.get(asIndex(first), asIndex(last), bytesMax)
  if (found === null) return []
  const cursor = new PayloadCursor()
  return Array.from(decodeFrames(found.bytes).range.byteLengths, (_, position) =>
    Buffer.from(cursor.payload(found, position)).toString(),
  )
}

test('the cache answers across the seams of batches', (t) => {
  const cache = new FrameCache(1 << 20)
  cache.push(batch(1, 3))
  cache.push(batch(4, 2))

  t.deepEqual(get(cache, 3, 4), ['entry 3', 'entry 4'])
  t.deepEqual(get(cache, 2, 9), ['entry 2', 'entry 3', 'entry 4', 'entry 5'])
  t.deepEqual(get(cache, 6, 9), [])
})

test('the cache keeps to the byte limit of an answer, but gives one entry at least', (t) => {
  const cache = new FrameCache(1 << 20)
  cache.push(batch(1, 2))
  cache.push(batch(3, 2))

  t.deepEqual(get(cache, 1, 4, 1), ['entry 1'])
  t.deepEqual(get(cache, 2, 4, 2 * 40), ['entry 2', 'entry 3'])
})

test('the oldest batches are evicted and the bytes stay below the limit', (t) => {
  const cache = new FrameCache(4096)

  for (let index = 1; index <= 1000; index++) cache.push(batch(index, 1))

  t.true(cache.bytes <= 4096)
  t.deepEqual(get(cache, 1, 1), [])
  t.deepEqual(get(cache, 1000, 1000), ['entry 1000'])
})

test('a batch that exceeds the limit alone is not kept', (t) => {
  const cache = new FrameCache(100)

  cache.push(batch(1, 10))

  t.is(cache.bytes, 0)
  t.deepEqual(get(cache, 1, 1), [])
})

test('truncation drops entries from an index on, and others may take their place', (t) => {
  const cache = new FrameCache(1 << 20)
  cache.push(batch(1, 3))
  cache.push(batch(4, 3))

  cache.truncateFrom(asIndex(3))
  cache.push(batch(3, 1, 2))

  t.deepEqual(get(cache, 1, 9), ['entry 1', 'entry 2', 'entry 3'])
  t.is(cache.get(asIndex(3), asIndex(3), 100)?.range.runs[0]?.term, asTerm(2))
})

test('frames that do not continue the cached ones replace them (W2)', (t) => {
  const cache = new FrameCache(1 << 20)
  cache.push(batch(1, 3))

  cache.push(batch(10, 1))

  t.deepEqual(get(cache, 1, 3), [])
  t.deepEqual(get(cache, 10, 10), ['entry 10'])
})

test('a view into a large buffer is copied, so that the buffer can be collected', (t) => {
  const cache = new FrameCache(1 << 20)
  const { range, bytes } = batch(1, 1)
  const chunk = Buffer.alloc(65536)
  chunk.set(bytes)

  cache.push({ range, bytes: chunk.subarray(0, bytes.byteLength) })
  chunk.fill(0)

  t.deepEqual(get(cache, 1, 1), ['entry 1'])
})
