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

test('W15: during a sync that hangs for a second the event loop is never late by 900 ms, and at its p99 below 20 ms in at least one of three runs', async (t) => {
  // A loop that waited for the hang would be late by all of it, in every run. A busy machine takes the processor away, too, so
  // the 99th percentile is judged by the quietest run.
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
