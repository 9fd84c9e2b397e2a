import test, { type ExecutionContext } from 'ava'
import { asIndex, asReplica, asTerm, type LogIndex } from '../../src/base/ids.js'
import type { ClustorError } from '../../src/base/errors.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { openReplicaLog } from '../../src/wal/native-replica-log.js'
import type { FrameBatch, LogWrite, ReplicaLog } from '../../src/wal/replica-log.js'
import { decodeFrames, encodeFrames } from '../support/frame-codec.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const options = {
  segmentBytes: 64 * 1024,
  ledgerBytesMax: 64 * 1024,
  durability: 'group',
  identity: { cluster: 'c', partition: 'p', replica: 3 },
} as const

async function openLog(t: ExecutionContext, directory: string): Promise<ReplicaLog> {
  const log = await openReplicaLog({ directory, ...options })
  t.teardown(() => log.close())
  return log
}

const persisted = (log: ReplicaLog, write: LogWrite): Promise<ClustorError | null> =>
  new Promise((resolve) => {
    log.persist(write, resolve)
  })

function batch(log: ReplicaLog, term: number, first: number, ...texts: string[]): FrameBatch {
  const payloads = texts.map((text) => Buffer.from(text))
  return log.encode(asTerm(term), asIndex(first), entryKinds.normal, payloads)
}

const textsOf = (log: ReplicaLog, found: FrameBatch): string[] =>
  Array.from(found.range.byteLengths, (_, position) =>
    Buffer.from(log.payload(found, position)).toString(),
  )

const index = (value: number): LogIndex => asIndex(value)

test('frames made natively are those that docs/wal-format.md describes', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const payloads = ['', 'a', 'bc'.repeat(500)].map((text) => Buffer.from(text))

  const native = log.encode(asTerm(7), index(42), entryKinds.noop, payloads)

  t.deepEqual(native.range, decodeFrames(native.bytes).range)
  t.deepEqual(
    Buffer.from(native.bytes),
    Buffer.from(encodeFrames(asTerm(7), index(42), entryKinds.noop, payloads).bytes),
  )
  t.deepEqual(log.decode(native.bytes).range, native.range)
})

test('decode keeps runs of terms and kinds apart', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const bytes = Buffer.concat([
    batch(log, 1, 5, 'a', 'b').bytes,
    log.encode(asTerm(2), index(7), entryKinds.noop, [Buffer.alloc(0)]).bytes,
    batch(log, 2, 8, 'c').bytes,
  ])

  const { range } = log.decode(bytes)

  t.deepEqual(
    range.runs.map(({ term, kind, count }) => [Number(term), kind, count]),
    [
      [1, 0, 2],
      [2, 0x10, 1],
      [2, 0, 1],
    ],
  )
  t.is(Number(range.lastIndex), 8)
})

test('W07: no changed byte of a frame is accepted, length fields included', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const { bytes } = batch(log, 1, 1, 'first', 'second')

  for (let position = 0; position < bytes.byteLength; position++) {
    for (const flip of [0x01, 0x80]) {
      const changed = Buffer.from(bytes)
      changed.writeUInt8(changed.readUInt8(position) ^ flip, position)
      t.throws(() => log.decode(changed), { code: 'ERR_FRAME_CORRUPT' }, `byte ${position}`)
    }
  }
  for (let end = 0; end < bytes.byteLength; end++) {
    if (end === 38) continue // The first frame alone is whole.
    t.throws(() => log.decode(bytes.subarray(0, end)), { code: 'ERR_FRAME_CORRUPT' })
  }
})

test('decode refuses gaps in indexes and terms that fall', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const joined = (left: FrameBatch, right: FrameBatch): Buffer =>
    Buffer.concat([left.bytes, right.bytes])

  t.throws(() => log.decode(joined(batch(log, 1, 1, 'a'), batch(log, 1, 3, 'b'))), {
    code: 'ERR_FRAME_CORRUPT',
  })
  t.throws(() => log.decode(joined(batch(log, 2, 1, 'a'), batch(log, 1, 2, 'b'))), {
    code: 'ERR_FRAME_CORRUPT',
  })
})

test('hard state and entries survive a restart, byte for byte', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(t, directory)
  const hardState = { term: asTerm(3), vote: asReplica(2), commitIndex: index(1) }
  const frames = batch(log, 3, 1, 'a', 'b', 'c')

  t.is(await persisted(log, { hardState, frames }), null)
  await log.close()
  const reopened = await openLog(t, directory)

  const { entries, report } = reopened.recovered
  t.deepEqual(reopened.recovered.hardState, hardState)
  t.deepEqual(entries.runs, frames.range.runs)
  t.deepEqual(entries.byteLengths, frames.range.byteLengths)
  t.is(report.outcome, 'clean')
  const read = await reopened.read(index(1), index(3), 1 << 20)
  t.deepEqual(Buffer.from(read.bytes), Buffer.from(frames.bytes))
})

test('each write is submitted once and completes in call order (W4)', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const completed: number[] = []

  await Promise.all(
    Array.from({ length: 50 }, async (_, position) => {
      const frames = batch(log, 1, position + 1, `entry ${position + 1}`)
      t.is(await persisted(log, { frames }), null)
      completed.push(position + 1)
    }),
  )

  t.deepEqual(
    completed,
    Array.from({ length: 50 }, (_, position) => position + 1),
  )
  t.is(Number(log.status().durableIndex), 50)
})

test('frames can be had from memory before they are durable, and from disk afterwards', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const done = persisted(log, { frames: batch(log, 1, 1, 'a', 'b', 'c') })

  const cached = log.cached(index(2), index(9), 1 << 20)
  await t.throwsAsync(log.read(index(1), index(9), 1 << 20), { code: 'ERR_INDEX_OUT_OF_RANGE' })
  await done

  t.deepEqual(cached && textsOf(log, cached), ['b', 'c'])
  const read = await log.read(index(2), index(3), 1)
  t.deepEqual(textsOf(log, read), ['b'])
  t.is(log.cached(index(4), index(4), 100), null)
})

test('a conflicting suffix is replaced in one write', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await openLog(t, directory)
  await persisted(log, { frames: batch(log, 1, 1, 'a', 'b', 'c', 'd') })
  const hardState = { term: asTerm(2), vote: asReplica(0), commitIndex: index(1) }

  const write = { hardState, truncateFrom: index(3), frames: batch(log, 2, 3, 'C') }
  t.is(await persisted(log, write), null)

  const cached = log.cached(index(1), index(9), 1 << 20)
  t.deepEqual(cached && textsOf(log, cached), ['a', 'b', 'C'])
  await log.close()
  const reopened = await openLog(t, directory)
  const read = await reopened.read(index(1), index(3), 1 << 20)
  t.deepEqual(textsOf(reopened, read), ['a', 'b', 'C'])
  t.deepEqual(
    reopened.recovered.entries.runs.map(({ term, count }) => [Number(term), count]),
    [
      [1, 2],
      [2, 1],
    ],
  )
})

test('encode refuses a payload over the limit and names it', async (t) => {
  const log = await openReplicaLog({
    directory: temporaryDirectory(t),
    ...options,
    payloadBytesMax: 1024,
  })
  t.teardown(() => log.close())
  const payloads = [Buffer.alloc(1024), Buffer.alloc(1025)]

  const error = t.throws<ClustorError>(
    () => log.encode(asTerm(1), index(1), entryKinds.normal, payloads),
    { code: 'ERR_TOO_LARGE' },
  )

  t.is(error.fields['position'], 1)
})

test('a batch is walked within its bounds, and only one that continues the log is taken (W1) (W3)', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const frames = batch(log, 1, 2, 'a')

  t.throws(() => log.payload(frames, 1), { code: 'ERR_INVARIANT' })
  t.throws(() => log.persist({ frames }, () => t.fail()), { code: 'ERR_INVARIANT' })
})

test('after close every write is refused', async (t) => {
  const log = await openLog(t, temporaryDirectory(t))
  const frames = batch(log, 1, 1, 'a')
  await log.close()

  t.is((await persisted(log, { frames }))?.code, 'ERR_CLOSED')
  await t.throwsAsync(log.read(index(1), index(1), 10), { code: 'ERR_CLOSED' })
})
