import test from 'ava'
import { DurableLog, type OpenProgress } from '../../src/log.js'
import { reportProgress } from '../../src/wal/open-progress.js'
import { ManualTimers } from '../support/manual-timers.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('opening tells how far it has come, and at the end that all is read', async (t) => {
  const directory = temporaryDirectory(t)
  const small = { directory, segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }
  const { log: first } = await DurableLog.open(small)
  for (let count = 0; count < 20; count++) await first.append(Buffer.alloc(10_000))
  await first.close()
  const told: OpenProgress[] = []

  const onProgress = (progress: OpenProgress): unknown => told.push(progress)
  const { log } = await DurableLog.open({ ...small, verifyThreads: 1, onProgress })
  await log.close()

  const last = told.at(-1)
  t.is(last?.bytesDone, last?.bytesTotal)
  t.true((last?.bytesTotal ?? 0) > 200_000)
})

test('progress is told about ten times a second, and not before the bytes are known', (t) => {
  const timers = new ManualTimers()
  const told: OpenProgress[] = []
  let bytes = [0, 0]
  const progress = { read: () => Float64Array.from(bytes) }

  const end = reportProgress(progress, (seen) => told.push(seen), timers)
  timers.advance(500)
  bytes = [10, 40]
  timers.advance(1000)
  end(true)
  timers.advance(1000)

  t.is(told.length, 11)
  t.deepEqual(told[0], { bytesDone: 10, bytesTotal: 40 })
  t.deepEqual(told.at(-1), { bytesDone: 40, bytesTotal: 40 })
})

test('progress of an opening that fails ends without a last word', (t) => {
  const timers = new ManualTimers()
  const told: OpenProgress[] = []

  const end = reportProgress(
    { read: () => Float64Array.of(1, 2) },
    (seen) => told.push(seen),
    timers,
  )
  end(false)
  timers.advance(1000)

  t.deepEqual(told, [])
})
