import { closeSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { createKeyFile, DurableLog, KeyRing, rotateKeyFile } from '../../src/log.js'
import { clustor, withDirectory } from './cli-support.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }

async function write(directory: string, keys: KeyRing | undefined): Promise<void> {
  const { log } = await DurableLog.open({ directory, keys, ...small })
  for (let index = 1; index <= 30; index++) await log.append(Buffer.alloc(5000, `${index} `))
  await log.close()
}

async function count(directory: string, keys: KeyRing | undefined): Promise<number> {
  const { log } = await DurableLog.open({ directory, keys, ...small })
  let entries = 0
  for await (const { index, payload } of log.read()) {
    entries += Buffer.alloc(5000, `${index} `).equals(payload) ? 1 : 0
  }
  await log.close()
  return entries
}

test('W21: reencrypt brings a plain log under keys and a log under new keys, so that old ones can go', async (t) => {
  await withDirectory(async (directory) => {
    const [data, file] = [join(directory, 'log'), join(directory, 'keys.json')]
    createKeyFile(file)
    await write(data, undefined)

    const refused = await clustor(['log', 'reencrypt', data, '--keys', file])
    const first = await clustor(['log', 'reencrypt', data, '--keys', file, '--allow-plain'])
    rotateKeyFile(file)
    const second = await clustor(['log', 'reencrypt', data, '--keys', file, '--json'])

    t.is(refused.code, 1)
    t.regex(refused.stderr, /ERR_LOG_UNPROTECTED/)
    t.is(first.code, 0, first.stderr)
    t.is(second.code, 0, second.stderr)
    t.like(JSON.parse(second.stdout), { firstIndex: 1, lastIndex: 30 })
    const table = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>
    const only = (kind: string): Record<number, Uint8Array> => ({
      2: Uint8Array.from(Buffer.from(table[kind]?.['2'] ?? '', 'base64')),
    })
    const keys = KeyRing.fromBytes({
      dek: only('dek'),
      mac: only('mac'),
      activeDek: 2,
      activeMac: 2,
    })
    t.is(await count(data, keys), 30)
    for (const name of readdirSync(join(data, 'wal'))) {
      t.false(readFileSync(join(data, 'wal', name)).includes('7 7 7 7 7 7'), name)
    }
    t.is((await clustor(['log', 'reencrypt', data])).code, 2)
  })
})

test('salvage saves what verifies of a damaged log, says what is lost, and exports it', async (t) => {
  await withDirectory(async (directory) => {
    const [data, out, file] = ['log', 'saved', 'entries.ndjson'].map((name) =>
      join(directory, name),
    )
    if (data === undefined || out === undefined || file === undefined) return t.fail()
    await write(data, undefined)
    const [, second = ''] = readdirSync(join(data, 'wal')).filter((name) =>
      /^segment.*\.log$/.test(name),
    )
    const segment = openSync(join(data, 'wal', second), 'r+')
    writeSync(segment, Buffer.of(0xff), 0, 1, 23_000)
    closeSync(segment)

    const refused = await clustor(['log', 'verify', data])
    const saved = await clustor(['log', 'salvage', data, '--out', out, '--export', file])
    const again = await clustor(['log', 'salvage', data, '--out', out])

    t.is(refused.code, 1)
    t.is(saved.code, 1, saved.stderr)
    t.regex(saved.stdout, /breaks off in segment 2 at offset/)
    t.is(again.code === 0, false)
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    const kept = await count(out, undefined)
    t.true(kept >= 7 && kept < 30)
    t.is(lines.length, kept)
    t.like(JSON.parse(lines[0] ?? ''), { index: 1 })
  })
})
