import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ClustorError, OpenLogOptions } from '../../src/log.js'
import { DurableLog, verifyDirectory } from '../../src/log.js'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

async function refusal(t: ExecutionContext, options: OpenLogOptions): Promise<ClustorError> {
  return await t.throwsAsync<ClustorError>(DurableLog.open({ ...small, ...options }))
}

async function written(t: ExecutionContext, options?: Partial<OpenLogOptions>): Promise<string> {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...small, ...options })
  await log.append(Buffer.from('entry'))
  await log.close()
  return directory
}

test('W19: a second process on the directory is refused and told who has it', async (t) => {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...small })
  t.teardown(() => log.close())

  const program = new URL('fixtures/open-log.js', import.meta.url)
  const { stdout } = await runFixture(program, [directory])

  const told = JSON.parse(stdout) as { code: string; ownerPid: number }
  t.deepEqual(told, { code: 'ERR_LOCKED', ownerPid: process.pid })
})

test('W19: the same process cannot open a directory twice either', async (t) => {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...small })
  t.teardown(() => log.close())

  const { code, fields } = await refusal(t, { directory })

  t.is(code, 'ERR_LOCKED')
  t.is(fields['ownerPid'], process.pid)
})

for (const [what, identity] of [
  ['cluster', { cluster: 'other', partition: 'p', replica: 1 }],
  ['partition', { cluster: 'c', partition: 'other', replica: 1 }],
  ['replica', { cluster: 'c', partition: 'p', replica: 2 }],
] as const) {
  test(`a directory of another ${what} is refused`, async (t) => {
    const directory = await written(t, { identity: { cluster: 'c', partition: 'p', replica: 1 } })

    const { code, message } = await refusal(t, { directory, identity })

    t.is(code, 'ERR_IDENTITY_MISMATCH')
    t.regex(message, /other|2/)
  })
}

test('a path below a file is refused as not writable, with path and errno', async (t) => {
  const file = join(temporaryDirectory(t), 'file')
  writeFileSync(file, '')

  const { code, fields } = await refusal(t, { directory: join(file, 'log') })

  t.is(code, 'ERR_NOT_WRITABLE')
  t.like(fields, { syscall: 'mkdir' })
})

test('missing parents of a directory are made', async (t) => {
  const directory = join(temporaryDirectory(t), 'a', 'b', 'c')

  const { log, recovery } = await DurableLog.open({ directory, ...small })
  await log.close()

  t.is(recovery.outcome, 'created')
})

// The file system refuses root as well when a directory is immutable or mounted read-only. Where neither can be had, the
// refusals of native/test's fault-injecting Env (EROFS, EACCES) stand in.
for (const [what, lock, unlock] of [
  ['immutable', (path: string) => ['chattr', '+i', path], (path: string) => ['chattr', '-i', path]],
  [
    'read-only mounted',
    (path: string) => ['mount', '-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', path],
    (path: string) => ['umount', path],
  ],
] as const) {
  test(`an ${what} directory is refused as not writable`, async (t) => {
    const directory = join(temporaryDirectory(t), 'log')
    mkdirSync(directory)
    if (!run(lock(directory))) {
      t.log(`not possible here: ${lock(directory).join(' ')}; covered by the fault-injecting Env`)
      t.pass()
      return
    }
    const { code, fields } = await refusal(t, { directory, unsafeFileSystem: true }).finally(() =>
      run(unlock(directory)),
    )

    t.true(code === 'ERR_NOT_WRITABLE' || code === 'ERR_READ_ONLY_FILESYSTEM', code)
    t.true(typeof fields['errno'] === 'number' && typeof fields['path'] === 'string')
  })
}

const run = ([program = '', ...programArguments]: readonly string[]): boolean =>
  spawnSync(program, programArguments).status === 0

test('W20: a payload over payloadBytesMax is refused and nothing is written', async (t) => {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...small, payloadBytesMax: 2048 })
  t.teardown(() => log.close())

  await t.throwsAsync(log.append(Buffer.alloc(2049)), { code: 'ERR_TOO_LARGE' })
  await t.throwsAsync(log.appendBatch([Buffer.alloc(1), Buffer.alloc(2049)]), {
    code: 'ERR_TOO_LARGE',
  })

  t.deepEqual(await log.append(Buffer.alloc(2048)), { index: 1 })
})

test('W20: a batch that no segment can hold is refused and the log goes on', async (t) => {
  const directory = temporaryDirectory(t)
  const { log } = await DurableLog.open({ directory, ...small })
  t.teardown(() => log.close())
  const payload = Buffer.alloc(10_000)

  await t.throwsAsync(log.appendBatch(Array.from({ length: 7 }, () => payload)), {
    code: 'ERR_TOO_LARGE',
  })

  t.deepEqual(await log.appendBatch([payload, payload]), { firstIndex: 1, lastIndex: 2 })
})

test('what is not a Uint8Array is refused', async (t) => {
  const { log } = await DurableLog.open({ directory: temporaryDirectory(t), ...small })
  t.teardown(() => log.close())

  for (const payload of ['text', new Uint16Array(2), null, { byteLength: 3 }]) {
    const wrong = payload as unknown as Uint8Array
    await t.throwsAsync(log.append(wrong), { code: 'ERR_INVALID_ARGUMENT' })
    await t.throwsAsync(log.appendBatch([wrong]), { code: 'ERR_INVALID_ARGUMENT' })
  }
  await t.throwsAsync(log.appendBatch([]), { code: 'ERR_INVALID_ARGUMENT' })
  t.deepEqual(await log.append(new Uint8Array(1)), { index: 1 })
})

for (const [what, options, wanted] of [
  ['an unknown option', { segmentByte: 1 }, /unknown option segmentByte.*segmentBytes/],
  ['a segment that is too small', { segmentBytes: 10 }, /segmentBytes.*64 KiB/],
  ['an unknown durability', { durability: 'never' }, /durability.*strict, group/],
  ['an empty directory name', { directory: '' }, /directory/],
  ['an identity without a replica', { identity: { cluster: 'c', partition: 'p' } }, /replica/],
] as const) {
  test(`${what} is refused before anything is made`, async (t) => {
    const directory = temporaryDirectory(t)
    const given = { directory, ...options } as unknown as OpenLogOptions

    const error = await t.throwsAsync(DurableLog.open(given), { code: 'ERR_INVALID_ARGUMENT' })

    t.regex(error.message, wanted)
    t.deepEqual(readdirSync(directory), [])
  })
}

test('durable bytes that rotted are refused, and nothing is changed', async (t) => {
  const directory = await written(t)
  const segment = join(directory, 'wal', 'segment-0000000001.log')
  flipByte(segment, 4096 + 100)

  const { code, fields } = await refusal(t, { directory })
  const { verdict } = await verifyDirectory(directory)

  t.is(code, 'ERR_LOG_CORRUPT')
  t.is(fields['segment'], 1)
  t.is(verdict?.code, 'ERR_LOG_CORRUPT')
})

test('a segment of a newer format is refused before anything is touched', async (t) => {
  const directory = await written(t)
  overwrite(join(directory, 'identity.json'), (text) =>
    Buffer.from(text.toString().replace('"format": 1', '"format": 2')),
  )

  const { code } = await refusal(t, { directory })

  t.is(code, 'ERR_FORMAT_NEWER')
})

function overwrite(path: string, change: (content: Buffer) => Buffer): void {
  writeFileSync(path, change(readFileSync(path)))
}

function flipByte(path: string, offset: number): void {
  overwrite(path, (content) => {
    content.writeUInt8(content.readUInt8(offset) ^ 0x01, offset)
    return content
  })
}
