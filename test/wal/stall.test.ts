import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Told {
  readonly index: number
  readonly during: { readonly told: number; readonly stalledMs: number }
  readonly after: { readonly stalls: number; readonly stalledMs: number }
  readonly stalls: readonly { readonly durationMs: number; readonly ended: boolean }[]
  /** How late the event loop was while the disk hung. */
  readonly late: { readonly p99Ms: number; readonly maxMs: number }
}

/** Lets the disk of a process hang for a second. */
async function hang(t: ExecutionContext): Promise<Told> {
  const directory = temporaryDirectory(t)
  const hold = join(directory, 'hold')
  const { stdout, stderr, code } = await runFixture(
    new URL('fixtures/hanging-disk.js', import.meta.url),
    [join(directory, 'log'), hold],
    { environment: { CLUSTOR_TEST_HOLD_SYNCS: hold } },
  )
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Told
}

test('W15: a disk that hangs is told once and once more when it answers, and appends go on', async (t) => {
  const told = await hang(t)

  t.is(told.index, 2)
  t.is(told.during.told, 1)
  t.true(told.during.stalledMs >= 800)
  t.like(told.after, { stalls: 1, stalledMs: 0 })
  t.deepEqual(
    told.stalls.map(({ ended }) => ended),
    [false, true],
  )
  t.true((told.stalls[1]?.durationMs ?? 0) >= 900)
})

test('W15: the event loop is never late by 20 ms because a sync hangs', async (t) => {
  // The hang lasts a second, so a loop that waited for it would be late by that; but a busy machine may take the processor
  // away as well, so the quietest of three runs counts.
  const runs: Told['late'][] = []
  while (runs.length < 3 && !runs.some(({ maxMs }) => maxMs < 20)) runs.push((await hang(t)).late)

  t.true(
    runs.every(({ maxMs }) => maxMs < 900),
    JSON.stringify(runs),
  )
  t.true(
    runs.some(({ p99Ms }) => p99Ms < 20),
    JSON.stringify(runs),
  )
})
