import test from 'ava'
import { formatFsyncReport } from '../../bench/fsync/format.js'
import { benchFsync } from '../../bench/fsync/run.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const quiet = { onProgress: () => undefined, signal: new AbortController().signal }

test('bench fsync measures every loop and says where', async (t) => {
  const directory = temporaryDirectory(t)

  const report = await benchFsync({
    directory,
    payloadBytes: 256,
    rounds: 2,
    operations: 20,
    ...quiet,
  })

  t.is(report.figures.length, 4)
  t.true(report.figures.every(({ p50Us, ratio }) => p50Us.median > 0 && ratio > 0))
  t.true(report.machine.cores > 0)
  t.is(formatFsyncReport(report).tables[0]?.rows.length, 4)
})
