import { join } from 'node:path'
import test from 'ava'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Told {
  readonly index: number
  readonly during: { readonly told: number; readonly stalledMs: number }
  readonly after: { readonly stalls: number; readonly stalledMs: number }
  readonly stalls: readonly { readonly durationMs: number; readonly ended: boolean }[]
  readonly blocked: { readonly p99Ms: number; readonly maxMs: number }
}

test('W15: a disk that hangs is noticed, the event loop stays free, and appends go on afterwards', async (t) => {
  const directory = temporaryDirectory(t)
  const hold = join(directory, 'hold')

  const { stdout, stderr, code } = await runFixture(
    new URL('fixtures/hanging-disk.js', import.meta.url),
    [join(directory, 'log'), hold],
    { environment: { CLUSTOR_TEST_HOLD_SYNCS: hold } },
  )

  t.is(code, 0, stderr)
  const told = JSON.parse(stdout) as Told
  t.is(told.index, 2)
  t.is(told.during.told, 1)
  t.true(told.during.stalledMs >= 800)
  t.like(told.after, { stalls: 1, stalledMs: 0 })
  t.deepEqual(
    told.stalls.map(({ ended }) => ended),
    [false, true],
  )
  t.true((told.stalls[1]?.durationMs ?? 0) >= 900)
  t.true(told.blocked.p99Ms < 20, `${told.blocked.p99Ms} ms`)
  // A machine under load may take the processor away for a moment; the hang itself lasts a second.
  t.true(told.blocked.maxMs < 500, `${told.blocked.maxMs} ms`)
})
