import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ClustorError, OpenLogOptions } from '../../src/log.js'
import { DurableLog } from '../../src/log.js'
import { eventually } from '../support/eventually.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

interface Opened {
  readonly log: DurableLog
  readonly directory: string
  readonly told: ClustorError[]
}

/** A log of several segments, entries of 5,000 bytes. */
async function written(
  t: ExecutionContext,
  options: Partial<OpenLogOptions> = {},
): Promise<Opened> {
  const directory = temporaryDirectory(t)
  const told: ClustorError[] = []
  const onQuarantine = (error: ClustorError): unknown => told.push(error)
  const { log } = await DurableLog.open({ directory, onQuarantine, ...small, ...options })
  t.teardown(() => log.close())
  for (let index = 1; index <= 40; index++) await log.append(Buffer.alloc(5000, index))
  return { log, directory, told }
}

/** Changes a byte in the middle of an entry of the second segment, behind the back of the log. */
function damage(directory: string): void {
  const names = readdirSync(join(directory, 'wal')).filter((name) => /^segment.*\.log$/.test(name))
  const file = openSync(join(directory, 'wal', names[1] ?? ''), 'r+')
  writeSync(file, Buffer.of(0xff), 0, 1, 23_000)
  closeSync(file)
}

test('a scrub of a sound log verifies every byte of it', async (t) => {
  const { log, told } = await written(t)

  const { bytes } = await log.scrub()

  t.true(bytes >= 40 * 5000)
  t.like(log.stats().scrub, { passes: 1, failures: 0 })
  t.deepEqual(told, [])
})

test('W06: a scrub finds rot, says where, and takes that log alone out of use', async (t) => {
  const { log, directory, told } = await written(t)
  const other = await written(t)
  damage(directory)

  const error = await t.throwsAsync<ClustorError>(log.scrub(), { code: 'ERR_LOG_CORRUPT' })

  t.like(error.fields, { segment: 2 })
  t.true(typeof error.fields['offset'] === 'number')
  t.is(told.length, 1)
  t.is(told[0]?.code, 'ERR_LOG_QUARANTINED')
  t.like(told[0]?.fields, { segment: 2 })
  t.is(log.stats().quarantined?.code, 'ERR_LOG_QUARANTINED')
  await t.throwsAsync(log.append(Buffer.from('x')), { code: 'ERR_LOG_QUARANTINED' })
  await t.throwsAsync(log.truncatePrefix({ before: 2 }), { code: 'ERR_LOG_QUARANTINED' })
  for await (const { index, payload } of log.read({ from: 1, to: 5 })) {
    t.deepEqual(Buffer.from(payload), Buffer.alloc(5000, index))
  }
  t.deepEqual(await other.log.append(Buffer.from('x')), { index: 41 })
  t.is(told.length, 1)
})

test('W06: a read that meets rot quarantines the log as well', async (t) => {
  const { log, directory, told } = await written(t)
  damage(directory)

  await t.throwsAsync(
    async () => {
      for await (const { index } of log.read()) t.true(index <= 40)
    },
    { code: 'ERR_LOG_CORRUPT' },
  )

  t.is(told.length, 1)
  await t.throwsAsync(log.append(Buffer.from('x')), { code: 'ERR_LOG_QUARANTINED' })
})

test('W06: the background scrubber finds rot that nobody reads', async (t) => {
  const { directory, told, log } = await written(t, { scrubPassMs: 1000, scrubIntervalMs: 1000 })
  damage(directory)

  await eventually(() => told.length > 0, 'rot is found')

  t.is(told[0]?.code, 'ERR_LOG_QUARANTINED')
  t.true(log.stats().scrub.paused)
})

test('a paused scrubber leaves the log alone until it is resumed', async (t) => {
  const { log } = await written(t, { scrubPaused: true, scrubPassMs: 1000, scrubIntervalMs: 1000 })
  t.true(log.stats().scrub.paused)

  log.resumeScrub()
  await eventually(() => log.stats().scrub.verifiedBytes > 0, 'the scrubber has read something')
  log.pauseScrub()

  t.true(log.stats().scrub.paused)
})

test('a log that is closed is not scrubbed', async (t) => {
  const { log } = await written(t)
  const scrub = log.scrub()
  await log.close()

  await t.throwsAsync(scrub, { code: 'ERR_CLOSED' })
  await t.throwsAsync(log.scrub(), { code: 'ERR_CLOSED' })
  t.notThrows(() => {
    log.resumeScrub()
  })
})

test('a listener that appends at once gets the answer of the quarantine', async (t) => {
  const { log, directory } = await written(t)
  const answers: unknown[] = []
  const { log: watched } = await reopened(t, log, directory, () => {
    t.throws(() => watched.appendSync(Buffer.alloc(1)), { code: 'ERR_LOG_QUARANTINED' })
    answers.push('told')
  })
  damage(directory)

  await t.throwsAsync(watched.scrub(), { code: 'ERR_LOG_CORRUPT' })

  t.deepEqual(answers, ['told'])
})

async function reopened(
  t: ExecutionContext,
  log: DurableLog,
  directory: string,
  onQuarantine: () => void,
): Promise<{ readonly log: DurableLog }> {
  await log.close()
  const opened = await DurableLog.open({ directory, onQuarantine, ...small })
  t.teardown(() => opened.log.close())
  return opened
}
