import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ClustorError, LogAnchor, OpenLogOptions } from '../../src/log.js'
import { DurableLog, rewriteDirectory } from '../../src/log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024, durability: 'group' } as const

/** Appends so many entries and closes; what to keep of the log elsewhere. */
async function appendTo(directory: string, count: number): Promise<LogAnchor> {
  const { log } = await DurableLog.open({ directory, ...small })
  for (let done = 0; done < count; done++) await log.append(Buffer.alloc(3_000, done))
  const { anchor } = log.stats()
  await log.close()
  if (anchor === null) throw new Error('a log with entries has an anchor')
  return anchor
}

const refusal = async (t: ExecutionContext, options: OpenLogOptions): Promise<ClustorError> =>
  await t.throwsAsync<ClustorError>(DurableLog.open({ ...small, ...options }))

async function opens(options: OpenLogOptions): Promise<void> {
  const { log } = await DurableLog.open({ ...small, ...options })
  await log.close()
}

test('W23: a log that was put back to an earlier state does not open with the anchor of a later one', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const older = join(temporaryDirectory(t), 'copy')
  const early = await appendTo(directory, 30)
  cpSync(directory, older, { recursive: true })
  const late = await appendTo(directory, 30)
  await opens({ directory, anchor: late })

  rmSync(directory, { recursive: true })
  cpSync(older, directory, { recursive: true })

  const { code, message } = await refusal(t, { directory, anchor: late })
  t.is(code, 'ERR_LOG_ROLLED_BACK')
  t.regex(message, new RegExp(`block ${late.block} `))
  await opens({ directory, anchor: early })
  await opens({ directory })
})

test('W23: a log with another block in the place of the anchor, or with none at all, does not open', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const anchor = await appendTo(directory, 10)
  const other = { ...anchor, checksum: Math.abs(anchor.checksum - 1) }
  const missing = join(temporaryDirectory(t), 'nothing')

  t.is((await refusal(t, { directory, anchor: other })).code, 'ERR_LOG_ROLLED_BACK')
  t.is((await refusal(t, { directory: missing, anchor })).code, 'ERR_LOG_ROLLED_BACK')
})

test('a rewritten log has another anchor, which the rewriting returns', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')
  const before = await appendTo(directory, 40)

  const { anchor } = await rewriteDirectory(directory, { segmentBytes: small.segmentBytes })

  t.is((await refusal(t, { directory, anchor: before })).code, 'ERR_LOG_ROLLED_BACK')
  await opens({ directory, anchor })
})

test('an anchor that cannot be one is refused before anything is made', async (t) => {
  const directory = join(temporaryDirectory(t), 'log')

  for (const anchor of [
    { block: 0, checksum: 1 },
    { block: 1, checksum: -1 },
    { block: 1.5, checksum: 1 },
  ]) {
    t.is((await refusal(t, { directory, anchor })).code, 'ERR_INVALID_ARGUMENT')
  }
})
