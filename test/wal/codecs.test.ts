import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { OpenLogOptions } from '../../src/log.js'
import { DurableLog, dumpDirectory, verifyDirectory } from '../../src/log.js'
import { readLogSettings } from '../../src/wal/log-settings.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Codecs = Pick<OpenLogOptions, 'encoding' | 'ledgerCodec'>

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

/** Opens a log, appends texts, closes it. */
async function append(directory: string, codecs: Codecs, texts: readonly string[]): Promise<void> {
  const { log } = await DurableLog.open({ directory, ...small, ...codecs })
  await Promise.all(texts.map((text) => log.append(Buffer.from(text))))
  await log.close()
}

async function contents(t: ExecutionContext, directory: string, codecs: Codecs): Promise<string[]> {
  const { log } = await DurableLog.open({ directory, ...small, ...codecs })
  t.teardown(() => log.close())
  const found: string[] = []
  for await (const { payload } of log.read()) found.push(Buffer.from(payload).toString())
  return found
}

test('a log mixes segments of both encodings and reopens under either', async (t) => {
  const directory = temporaryDirectory(t)
  const long = (letter: string): string => letter.repeat(20_000)

  await append(directory, { encoding: 'json' }, [long('a'), long('b')])
  await append(directory, { encoding: 'binary' }, [long('c'), long('d'), long('e')])
  await append(directory, { encoding: 'json' }, [long('f'), long('g')])

  const found = await contents(t, directory, { encoding: 'binary' })
  t.is(found.map(([letter]) => letter).join(''), 'abcdefg')
  t.true(found.every((text) => text.length === 20_000))
  const details: string[] = []
  for await (const { type, detail } of dumpDirectory(directory)) {
    if (type === 'segment') details.push(detail)
  }
  t.true(details.some((detail) => detail.includes('json')))
  t.true(details.some((detail) => detail.includes('binary')))
})

test('a json segment can be read by eye', async (t) => {
  const directory = temporaryDirectory(t)

  await append(directory, { encoding: 'json' }, ['hello'])

  const [segment = ''] = readdirSync(join(directory, 'wal')).filter((name) =>
    /^segment.*\.log$/.test(name),
  )
  const text = readFileSync(join(directory, 'wal', segment)).toString('latin1')
  t.true(text.includes('{"term":"1","index":"1","kind":0,"payload":"aGVsbG8="}'))
})

for (const [made, asked] of [
  ['binary', 'json'],
  ['json', 'binary'],
] as const) {
  test(`a ledger made as ${made} is refused as ${asked}, and nothing is changed`, async (t) => {
    const directory = temporaryDirectory(t)
    await append(directory, { ledgerCodec: made }, ['a', 'b'])
    const before = readFileSync(join(directory, 'wal', 'durability.log'))

    const error = await t.throwsAsync(
      DurableLog.open({ directory, ...small, ledgerCodec: asked }),
      { code: 'ERR_CODEC_MISMATCH' },
    )

    t.regex(error.message, new RegExp(`${made}.*${asked}`))
    t.deepEqual(readFileSync(join(directory, 'wal', 'durability.log')), before)
    t.deepEqual(await contents(t, directory, { ledgerCodec: made }), ['a', 'b'])
  })
}

test('verify reads a log of either ledger codec', async (t) => {
  for (const ledgerCodec of ['binary', 'json'] as const) {
    const directory = temporaryDirectory(t)
    await append(directory, { ledgerCodec }, ['a'])

    const { verdict, recovery } = await verifyDirectory(directory)

    t.is(verdict, null)
    t.is(Number(recovery.provenIndex), 1)
  }
})

test.serial('the older variables name the codecs of a log that names none itself', (t) => {
  const variables = { CLUSTOR_LOG_ENCODING: 'JSON', CLUSTOR_WAL_CODEC: 'Json' }
  Object.assign(process.env, variables)
  t.teardown(() => {
    delete process.env['CLUSTOR_LOG_ENCODING']
    delete process.env['CLUSTOR_WAL_CODEC']
  })

  t.like(readLogSettings({ directory: 'd' }, 'here'), { encoding: 'json', ledgerCodec: 'json' })
  t.like(readLogSettings({ directory: 'd', encoding: 'binary' }, 'here'), {
    encoding: 'binary',
    ledgerCodec: 'json',
  })
  process.env['CLUSTOR_WAL_CODEC'] = 'xml'
  t.throws(() => readLogSettings({ directory: 'd' }, 'here'), {
    code: 'ERR_INVALID_ARGUMENT',
    message: /CLUSTOR_WAL_CODEC is "xml".*binary, json/,
  })
})
