import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  DurableLog,
  dumpDirectory,
  statsDirectory,
  verifyDirectory,
  type DumpItem,
} from '../../src/log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const options = {
  segmentBytes: 64 * 1024,
  ledgerBytesMax: 64 * 1024,
  identity: { cluster: 'c', partition: 'orders', replica: 2 },
}

async function written(t: ExecutionContext, count: number): Promise<string> {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...options })
  for (let index = 1; index <= count; index++) await log.append(Buffer.alloc(5000, index))
  await log.close()
  return directory
}

async function dumped(directory: string, from?: number): Promise<DumpItem[]> {
  const items: DumpItem[] = []
  for await (const item of dumpDirectory(directory, { from })) items.push(item)
  return items
}

test('verify says what a directory holds and whose it is, and changes nothing', async (t) => {
  const directory = await written(t, 30)
  const before = fingerprint(directory)

  const report = await verifyDirectory(directory)

  t.is(report.verdict, null)
  t.like(report.identity, options.identity)
  t.false(report.locked)
  t.is(Number(report.recovery.lastIndex), 30)
  t.deepEqual(fingerprint(directory), before)
})

test('verify sees that a log is open', async (t) => {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...options })
  t.teardown(() => log.close())
  await log.append(Buffer.from('a'))

  const { locked, verdict } = await verifyDirectory(directory)

  t.true(locked)
  t.is(verdict, null)
})

test('stats count entries, bytes and ledger records', async (t) => {
  const directory = await written(t, 30)

  const stats = await statsDirectory(directory)

  t.is(stats.entryCount, 30)
  // Every segment repeats the hard state.
  t.true(stats.frameBytes >= 30 * 5033 && stats.frameBytes < 31 * 5033)
  t.true(stats.segmentCount >= 3 && stats.ledgerRecords >= 30 && stats.paddingBytes > 0)
  t.is(stats.ledgerRecordsBad, 0)
})

test('a dump from an index on leaves out what is below, with the indexes of segments and without', async (t) => {
  const directory = await written(t, 60)
  const indexes = readdirSync(join(directory, 'wal')).filter((name) => name.endsWith('.idx'))

  const items = await dumped(directory, 50)

  const listed = items.flatMap(({ type, index }) => (type === 'entry' ? [index] : []))
  t.deepEqual(
    listed,
    Array.from({ length: 11 }, (_, position) => 50 + position),
  )
  t.true(indexes.length > 0)
  for (const name of indexes) rmSync(join(directory, 'wal', name))
  t.deepEqual(await dumped(directory, 50), items)
})

test('dump lists segments, blocks, entries and the ledger in file order', async (t) => {
  const directory = await written(t, 30)

  const items = await dumped(directory)

  const entries = items.filter(({ type }) => type === 'entry')
  t.deepEqual(
    entries.map(({ index, payloadBytes }) => [index, payloadBytes]),
    Array.from({ length: 30 }, (_, position) => [position + 1, 5000]),
  )
  t.is(items[0]?.type, 'segment')
  t.true(items.filter(({ type }) => type === 'block').length >= 30)
  t.true(items.some(({ type, index }) => type === 'ledger' && index === 30))
  t.false(items.some(({ type }) => type === 'invalid'))
})

test('a directory without a log is told apart from a damaged one', async (t) => {
  const directory = temporaryDirectory(t)

  const outcome = await verifyDirectory(directory).then(
    ({ verdict, recovery }) => verdict?.code ?? recovery.outcome,
    (error: unknown) => (error as { code: string }).code,
  )

  t.true(['created', 'ERR_IO'].includes(outcome), outcome)
})

const fingerprint = (directory: string): (string | number)[] =>
  ['.', 'wal'].flatMap((folder) =>
    readdirSync(join(directory, folder)).flatMap((name) => [
      name,
      statSync(join(directory, folder, name)).mtimeMs,
    ]),
  )
