import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { OpenLogOptions } from '../../src/log.js'
import { DurableLog } from '../../src/log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Options = Omit<OpenLogOptions, 'directory'>

/** Small segments, so that a test rotates after a few entries. */
const small: Options = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

async function openLog(
  t: ExecutionContext,
  options: Options = small,
  directory = temporaryDirectory(t),
): Promise<{ log: DurableLog; directory: string }> {
  const { log } = await DurableLog.open({ directory, ...options })
  t.teardown(() => log.close())
  return { log, directory }
}

async function contents(log: DurableLog, from?: number, to?: number): Promise<string[]> {
  const found: string[] = []
  for await (const { index, payload } of log.read({ from, to })) {
    found.push(`${index}:${Buffer.from(payload).toString()}`)
  }
  return found
}

const bytes = (text: string): Buffer => Buffer.from(text)

for (const durability of ['strict', 'group'] as const) {
  test(`${durability}: appends are numbered in call order and found again`, async (t) => {
    const { log, directory } = await openLog(t, { ...small, durability })

    const appended = await Promise.all(['a', 'b', 'c'].map((text) => log.append(bytes(text))))
    await log.close()
    const { log: reopened, recovery } = await DurableLog.open({ directory, ...small })
    t.teardown(() => reopened.close())

    t.deepEqual(appended, [{ index: 1 }, { index: 2 }, { index: 3 }])
    t.is(recovery.outcome, 'clean')
    t.is(Number(recovery.lastIndex), 3)
    t.deepEqual(await contents(reopened), ['1:a', '2:b', '3:c'])
  })

  test(`${durability}: promises resolve in the order of the calls`, async (t) => {
    const { log } = await openLog(t, { ...small, durability })
    const resolved: number[] = []

    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { index } = await log.append(bytes('x'))
        resolved.push(index)
      }),
    )

    t.deepEqual(
      resolved,
      Array.from({ length: 100 }, (_, position) => position + 1),
    )
  })
}

test('strict writes a block for every append, group one for a turn', async (t) => {
  const strict = await openLog(t, { ...small, durability: 'strict' })
  const group = await openLog(t, { ...small, durability: 'group' })
  const append = (log: DurableLog): Promise<unknown> =>
    Promise.all(Array.from({ length: 20 }, () => log.append(bytes('x'))))

  await Promise.all([append(strict.log), append(group.log)])

  t.true(strict.log.stats().blockCount >= 20)
  t.true(group.log.stats().blockCount <= 2)
})

test('a batch is one block, whole or not at all', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'strict' })
  const before = log.stats().blockCount

  const range = await log.appendBatch([bytes('a'), bytes('b'), bytes('c')])

  t.deepEqual(range, { firstIndex: 1, lastIndex: 3 })
  t.is(log.stats().blockCount, before + 1)
  t.deepEqual(await contents(log), ['1:a', '2:b', '3:c'])
})

test('W29: a buffer may be changed as soon as append has returned', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'group' })
  const payload = bytes('before')
  const batch = [bytes('one'), bytes('two')]

  const appended = [log.append(payload), log.appendBatch(batch)]
  payload.fill('x')
  for (const buffer of batch) buffer.fill('x')
  await Promise.all(appended)

  t.deepEqual(await contents(log), ['1:before', '2:one', '3:two'])
})

test('W29: large payloads are those of the call, in the order of the calls', async (t) => {
  const { log, directory } = await openLog(t, { durability: 'group' })
  const letters = Array.from('abcdefgh')
  const payloads = letters.map((letter, i) => Buffer.alloc(i % 3 === 0 ? 10 : 100_000 + i, letter))
  const [a, b, c, d, e, f, g, h] = payloads as [Buffer, ...Buffer[]]

  const appended = [log.append(a), log.append(b!), log.appendBatch([c!, d!, e!]), log.append(f!)]
  t.is(log.appendSync(g!).index, 7)
  appended.push(log.append(h!))
  for (const payload of payloads) payload.fill('x')
  await Promise.all(appended)
  await log.close()

  const { log: reopened } = await openLog(t, {}, directory)
  const expected = letters.map(
    (letter, i) => `${i + 1}:${letter.repeat(i % 3 === 0 ? 10 : 100_000 + i)}`,
  )
  t.deepEqual(await contents(reopened), expected)
})

test('views into larger buffers and into shared memory are appended as they are', async (t) => {
  const { log } = await openLog(t)
  const large = bytes('..middle..')
  const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(65)

  await log.append(large.subarray(2, 8))
  await log.append(shared)

  t.deepEqual(await contents(log), ['1:middle', '2:AAAA'])
})

test('W20: an empty payload is an entry', async (t) => {
  const { log } = await openLog(t)

  await log.append(new Uint8Array(0))

  t.deepEqual(await contents(log), ['1:'])
})

test('W20: a payload that fills most of a segment is appended, and the next one too', async (t) => {
  const { log, directory } = await openLog(t)
  const large = Buffer.alloc(59_000, 'L')

  for (let round = 0; round < 4; round++) await log.append(large)
  await log.close()

  const { log: reopened } = await openLog(t, small, directory)
  const found = await contents(reopened)
  t.deepEqual(
    found.map((entry) => entry.length),
    [59_002, 59_002, 59_002, 59_002],
  )
})

test('the log rotates through many segments and reads across them', async (t) => {
  const { log, directory } = await openLog(t, { ...small, durability: 'group' })
  const payload = (index: number): string => `${index} `.repeat(200)

  for (let index = 1; index <= 300; index += 10) {
    const batch = Array.from({ length: 10 }, (_, position) => bytes(payload(index + position)))
    await log.appendBatch(batch)
  }
  const { segmentCount, rotations } = log.stats()
  await log.close()
  const { log: reopened } = await openLog(t, small, directory)

  t.true(segmentCount > 3 && rotations > 2)
  const found = await contents(reopened)
  t.is(found.length, 300)
  t.true(found.every((entry, position) => entry === `${position + 1}:${payload(position + 1)}`))
})

test('read honours both ends and refuses what is not there', async (t) => {
  const { log } = await openLog(t)
  await log.appendBatch(['a', 'b', 'c', 'd'].map(bytes))

  t.deepEqual(await contents(log, 2, 3), ['2:b', '3:c'])
  t.deepEqual(await contents(log, 4), ['4:d'])
  await t.throwsAsync(contents(log, 3, 9), { code: 'ERR_INDEX_OUT_OF_RANGE' })
  t.throws(() => log.read({ from: -1 }), { code: 'ERR_INVALID_ARGUMENT' })
})

test('an empty log reads as nothing', async (t) => {
  const { log } = await openLog(t)

  t.deepEqual(await contents(log), [])
})

test('truncatePrefix removes whole segments and refuses reads below', async (t) => {
  const { log, directory } = await openLog(t, { ...small, durability: 'group' })
  const payload = Buffer.alloc(20_000, 'p')
  for (let index = 1; index <= 20; index++) await log.append(payload)

  await log.truncatePrefix({ before: 18 })

  const { firstIndex } = log.stats()
  t.true(firstIndex > 1 && firstIndex <= 18)
  t.false(existsSync(join(directory, 'wal', 'segment-0000000001.log')))
  await t.throwsAsync(contents(log, 1, 1), { code: 'ERR_INDEX_COMPACTED' })
  await log.close()
  const { log: reopened } = await openLog(t, small, directory)
  t.is(reopened.stats().firstIndex, firstIndex)
  t.is((await reopened.append(payload)).index, 21)
})

test('truncatePrefix takes every index that stats calls durable, heard of or not', async (t) => {
  const { log } = await openLog(t)
  const appended = log.append(bytes('a'))
  // Let the append reach the disk, and nothing come back: this turn of the event loop does not end.
  await new Promise((resolve) => process.nextTick(resolve))
  while (log.stats().durableIndex < 1);

  const truncated = log.truncatePrefix({ before: 2 })

  await t.notThrowsAsync(truncated)
  await appended
})

test('truncatePrefix refuses to go beyond the log', async (t) => {
  const { log } = await openLog(t)
  await log.append(bytes('a'))

  await t.throwsAsync(log.truncatePrefix({ before: 3 }), { code: 'ERR_INDEX_OUT_OF_RANGE' })
})

test('truncateSuffix drops entries for good, and appends go on from there', async (t) => {
  const { log, directory } = await openLog(t)
  await log.appendBatch(['a', 'b', 'c'].map(bytes))

  await log.truncateSuffix({ from: 2 })
  const { index } = await log.append(bytes('B'))
  await log.close()

  t.is(index, 2)
  const { log: reopened } = await openLog(t, small, directory)
  t.deepEqual(await contents(reopened), ['1:a', '2:B'])
})

test('truncateSuffix keeps its place among appends of the same turn', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'group' })

  const results = await Promise.all([
    log.appendBatch(['a', 'b', 'c'].map(bytes)),
    log.truncateSuffix({ from: 3 }),
    log.append(bytes('C')),
  ])

  t.deepEqual(results[2], { index: 3 })
  t.deepEqual(await contents(log), ['1:a', '2:b', '3:C'])
  await t.throwsAsync(log.truncateSuffix({ from: 9 }), { code: 'ERR_INDEX_OUT_OF_RANGE' })
})

test('stats tell of durable entries, blocks, syncs and the stages of an append', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'strict' })

  for (let round = 0; round < 5; round++) await log.append(bytes('x'))

  const { durableIndex, lastIndex, segmentSyncs, ledgerSyncs, stages, poisoned } = log.stats()
  t.is(Number(durableIndex), 5)
  t.is(Number(lastIndex), 5)
  t.true(segmentSyncs >= 5 && ledgerSyncs >= 5)
  t.true(stages.sync.count >= 5 && stages.sync.p50Us > 0 && stages.sync.p99Us >= stages.sync.p50Us)
  t.is(poisoned, null)
})

test('what was appended before close is durable, what comes after is refused', async (t) => {
  const { log, directory } = await openLog(t, { ...small, durability: 'group' })

  const appended = log.append(bytes('last'))
  const closing = log.close()
  const refused = log.append(bytes('late'))

  t.deepEqual(await appended, { index: 1 })
  await t.throwsAsync(refused, { code: 'ERR_CLOSED' })
  await closing
  const { log: reopened } = await openLog(t, small, directory)
  t.deepEqual(await contents(reopened), ['1:last'])
})

test('W28: closing twice is one close, and everything afterwards says ERR_CLOSED', async (t) => {
  const { log } = await openLog(t)
  await log.append(bytes('a'))

  t.is(log.close(), log.close())
  await log.close()

  await t.throwsAsync(log.append(bytes('b')), { code: 'ERR_CLOSED', message: 'the log is closed' })
  await t.throwsAsync(log.truncatePrefix({ before: 1 }), { code: 'ERR_CLOSED' })
  await t.throwsAsync(log.truncateSuffix({ from: 1 }), { code: 'ERR_CLOSED' })
  await t.throwsAsync(contents(log), { code: 'ERR_CLOSED' })
})

test('W28: closing during reads and appends settles every promise', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'group' })
  await log.appendBatch(Array.from({ length: 20 }, () => Buffer.alloc(2_000)))

  const reads = Array.from({ length: 5 }, () => contents(log).catch((error: unknown) => error))
  const appends = Array.from({ length: 50 }, () => log.append(bytes('x')).catch(() => null))
  await Promise.all([log.close(), ...reads, ...appends])

  t.pass()
})

test('await using closes the log', async (t) => {
  const directory = temporaryDirectory(t)
  {
    const { log } = await DurableLog.open({ directory, ...small })
    await log.append(bytes('a'))
    await log[Symbol.asyncDispose]()
  }

  const { log } = await openLog(t, small, directory)
  t.deepEqual(await contents(log), ['1:a'])
})

test('walDirectory puts segments and ledger elsewhere', async (t) => {
  const walDirectory = temporaryDirectory(t)
  const { log, directory } = await openLog(t, { ...small, walDirectory })

  await log.append(bytes('a'))

  t.true(existsSync(join(walDirectory, 'durability.log')))
  t.false(existsSync(join(directory, 'wal', 'durability.log')))
  t.true(existsSync(join(directory, 'identity.json')))
})

test('appends beyond appendQueueBytesMax are refused as busy, and accepted later', async (t) => {
  const { log } = await openLog(t, { ...small, appendQueueBytesMax: 64 * 1024 })
  const payload = Buffer.alloc(30_000)

  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => log.append(payload)))

  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'rejected'],
  )
  t.like(outcomes[3], { reason: { code: 'ERR_BUSY', retryable: true, outcome: 'not-applied' } })
  t.deepEqual(await log.append(payload), { index: 3 })
})

test('groupWaitMsMax lets a group wait for company, and close does not wait', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'group', groupWaitMsMax: 200 })
  const before = log.stats().blockCount

  const first = log.append(bytes('a'))
  await new Promise((resolve) => setImmediate(resolve))
  const second = log.append(bytes('b'))
  await Promise.all([first, second])
  t.is(log.stats().blockCount, before + 1)

  const last = log.append(bytes('c'))
  await log.close()
  t.deepEqual(await last, { index: 3 })
})

for (const durability of ['strict', 'group'] as const) {
  test(`${durability}: appendSync returns what is durable, behind what was appended before`, async (t) => {
    const { log, directory } = await openLog(t, { ...small, durability })
    const order: number[] = []
    const note = async (text: string): Promise<void> => {
      order.push((await log.append(bytes(text))).index)
    }

    const before = [note('a'), note('b')]
    t.deepEqual(log.appendSync(bytes('c')), { index: 3 })
    const { durableIndex } = log.stats()
    const behind = note('d')
    t.deepEqual(order, [], 'promises are settled by the event loop')
    await Promise.all([...before, behind])
    await log.close()

    t.is(Number(durableIndex), 3)
    t.deepEqual(order, [1, 2, 4])
    const { log: reopened } = await openLog(t, small, directory)
    t.deepEqual(await contents(reopened), ['1:a', '2:b', '3:c', '4:d'])
  })
}

test('appendSync takes turns with the threads that commit, over rotations', async (t) => {
  const { log } = await openLog(t, { ...small, durability: 'group' })
  const appended: Promise<unknown>[] = []
  for (let index = 1; index <= 300; index += 3) {
    appended.push(log.append(Buffer.alloc(2_000)), log.append(Buffer.alloc(2_000)))
    if (index % 2 === 0) await new Promise(setImmediate)
    t.is(log.appendSync(Buffer.alloc(2_000)).index, index + 2)
  }
  await Promise.all(appended)
  t.is(Number(log.stats().durableIndex), 300)
})

test('appendSync throws what append rejects with', async (t) => {
  const { log } = await openLog(t, { ...small, payloadBytesMax: 1024 })
  t.throws(() => log.appendSync(Buffer.alloc(1025)), { code: 'ERR_TOO_LARGE' })
  t.throws(() => log.appendSync('text' as never), { code: 'ERR_INVALID_ARGUMENT' })
  t.is(log.appendSync(Buffer.alloc(10)).index, 1)
  const closing = log.close()
  t.throws(() => log.appendSync(Buffer.alloc(1)), { code: 'ERR_CLOSED' })
  await closing
})

for (const completionPollUsMax of [0, 10_000]) {
  test(`polling for ${completionPollUsMax} µs: every append settles once, in order, and so does close`, async (t) => {
    const { log } = await openLog(t, { ...small, completionPollUsMax })
    for (let index = 1; index <= 40; index++) t.is((await log.append(bytes('x'))).index, index)

    const settled: number[] = []
    const append = async (): Promise<void> => {
      settled.push((await log.append(bytes('y'))).index)
    }
    const first = append()
    // Settled by the blocking call, in the middle of polling.
    t.is(log.appendSync(bytes('z')).index, 42)
    const rest = Array.from({ length: 20 }, append)
    await new Promise(setImmediate)
    const closing = log.close()
    await Promise.all([first, ...rest, closing])
    t.deepEqual(settled, [41, ...Array.from({ length: 20 }, (_, place) => 43 + place)])
  })
}
