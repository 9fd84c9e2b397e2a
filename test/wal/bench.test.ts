import test from 'ava'
import { formatAppendReport } from '../../bench/append/format.js'
import { benchAppend } from '../../bench/append/run.js'
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

test('bench append measures each system beside the raw loops and gives ratios', async (t) => {
  const directory = temporaryDirectory(t)

  const report = await benchAppend({
    directory,
    appenders: [1, 8],
    payloadBytes: 256,
    rounds: 1,
    seconds: 0.4,
    log: { ledger: 'overlapped', keys: undefined },
    ...quiet,
  })

  t.is(report.figures.length, 6)
  t.true(report.figures.every(({ appendsPerSecond }) => appendsPerSecond.median > 0))
  t.deepEqual(
    report.ratios.map(({ system, against, appenders }) => `${system}/${against}/${appenders}`),
    [
      'strict/single-preallocated/1',
      'strict/two-ordered/1',
      'group/single-preallocated/1',
      'group/two-ordered/1',
      'group/js-group-commit/1',
      'group/js-group-commit/8',
    ],
  )
  t.is(formatAppendReport(report).tables.length, 2)
})
