import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DurableLog } from '../../src/log.js'
import { packageRoot } from '../house/project.js'
import { type FixtureEnd, type FixtureOptions, runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const fixture = (name: string): URL => new URL(`fixtures/${name}.js`, import.meta.url)

/** Opens what a process has left behind, and says where it ends. */
async function lastIndexOf(directory: string): Promise<number> {
  const { log, recovery } = await DurableLog.open({ directory, segmentBytes: 1 << 20 })
  await log.close()
  return recovery.lastIndex
}

/** The index that a fixture said was acknowledged; 0: none. */
const toldBy = ({ stdout }: FixtureEnd): number => Number(/^told (\d+)$/m.exec(stdout)?.[1] ?? 0)

/** What a fixture printed as JSON, after it has ended well. */
async function report(
  t: ExecutionContext,
  name: string,
  fixtureArguments: readonly string[],
  options: FixtureOptions = {},
): Promise<unknown> {
  const end = await runFixture(fixture(name), fixtureArguments, { timeoutMs: 120_000, ...options })
  t.like(end, { code: 0, signal: null }, `${end.stderr}${end.stdout}`)
  return JSON.parse(end.stdout) as unknown
}

test('W28: of fifty workers that are terminated while they open, append, read and close, no acknowledged entry is lost', async (t) => {
  const told = (await report(t, 'terminate-often', [temporaryDirectory(t), '50'])) as {
    rounds: number
    roundsWithAppends: number
  }

  t.is(told.rounds, 50)
  t.true(told.roundsWithAppends >= 20, `${told.roundsWithAppends} rounds`)
})

test('W28: an exception that nobody catches, after an append, ends the process with its message', async (t) => {
  const directory = temporaryDirectory(t)

  const end = await runFixture(fixture('throw-in-continuation'), [directory])

  t.like(end, { code: 1, signal: null })
  t.regex(end.stderr, /a mistake of the user/)
  t.is(toldBy(end), 301)
  t.true((await lastIndexOf(directory)) >= 301)
})

for (const moment of ['open', 'opened', 'append', 'read', 'beforeExit', 'close', 'closed']) {
  test(`W28: process.exit at "${moment}" ends the process with its code, and keeps what was acknowledged`, async (t) => {
    const directory = temporaryDirectory(t)

    const end = await runFixture(fixture('exit-anywhere'), [directory, moment])

    t.like(end, { code: 7, signal: null }, end.stderr)
    t.is(toldBy(end), moment.startsWith('open') ? 0 : 1)
    t.true((await lastIndexOf(directory)) >= toldBy(end))
  })
}

test('W28: opening and closing a hundred logs leaves no descriptor, thread, handle or log behind', async (t) => {
  const { before, after, alive } = (await report(
    t,
    'open-and-close',
    [temporaryDirectory(t), '100'],
    // One arena: what threads that ended have left in others would be counted.
    { nodeFlags: ['--expose-gc'], environment: { MALLOC_ARENA_MAX: '1' } },
  )) as Record<'before' | 'after', Record<string, number>> & { alive: number }

  t.log(before, after)
  for (const name of ['descriptors', 'threads', 'handles']) {
    t.true(
      (after[name] ?? NaN) <= (before[name] ?? NaN),
      `${name}: ${JSON.stringify([before, after])}`,
    )
  }
  // Memory that malloc keeps wobbles by some MiB; a hundred logs that kept as much as a quarter of one each would show.
  t.true((after['residentMiB'] ?? NaN) - (before['residentMiB'] ?? NaN) < 24)
  t.true(alive <= 1, `${alive} closed logs are still reachable`)
})

const hasMemoryFileSystem = existsSync('/dev/shm')
/** sched(7). */
const scheduleIdle = 5

for (const { what, pollUsMax, payloadBytes, policy } of [
  { what: 'small appends', pollUsMax: 10_000, payloadBytes: 100, policy: scheduleIdle },
  { what: 'large appends', pollUsMax: 10_000, payloadBytes: 1 << 17, policy: null },
  { what: 'completionPollUsMax 0', pollUsMax: 0, payloadBytes: 100, policy: null },
]) {
  const does = policy === null ? 'nobody keeps' : 'a thread that comes last keeps'
  const awakeTest = hasMemoryFileSystem ? test : test.skip // There are no such threads where it is not there.
  awakeTest(`W28: with ${what}, ${does} the processor awake while the disk works`, async (t) => {
    const directory = mkdtempSync('/dev/shm/clustor-')
    t.teardown(() => {
      rmSync(directory, { recursive: true })
    })

    const seconds = policy === null ? 0 : 60
    const values = [pollUsMax, payloadBytes, seconds].map(String)
    const told = await report(t, 'wait-awake', [directory, ...values])

    t.deepEqual(told, { policy })
  })
}

test('W28: closing a log three times while it is read and written settles every promise', async (t) => {
  const outcomes = (await report(t, 'close-while-busy', [temporaryDirectory(t), '20'])) as Record<
    string,
    number
  >

  const sum = (what: string): number =>
    Object.entries(outcomes)
      .filter(([outcome]) => outcome.split(' ')[0] === what)
      .reduce((total, [, count]) => total + count, 0)
  t.log(outcomes)
  t.is(sum('append'), 20 * 100)
  t.is(sum('read'), 20 * 4)
  t.deepEqual(
    Object.keys(outcomes).filter((outcome) => !/^(append|read)( ERR_CLOSED)?$/.test(outcome)),
    [],
  )
})

test('W28: two copies of the package in one process respect the locks of each other', async (t) => {
  const directory = temporaryDirectory(t)
  const copy = join(directory, 'copy')
  mkdirSync(join(copy, 'build'), { recursive: true })
  for (const file of ['package.json', 'build/src', 'build/Release/clustor.node']) {
    cpSync(join(packageRoot, file), join(copy, file), { recursive: true })
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))

  const told = await report(t, 'two-copies', [directory, copy])

  t.deepEqual(told, { counts: [1000, 1000], refusals: ['ERR_LOCKED', 'ERR_LOCKED'] })
})
