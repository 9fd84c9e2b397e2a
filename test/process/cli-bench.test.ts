import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { clustor, ended, startCommand } from './cli-support.js'

test('bench append prints rows as JSON and writes the page', async (t) => {
  const directory = temporaryDirectory(t)
  const page = join(directory, 'report.html')
  const disk = mkdtempSync(join(directory, 'disk-'))

  const { code, stdout, stderr } = await clustor([
    ...['bench', 'append', '--rounds=1', '--seconds=1', '--appenders=1', '--durability=group'],
    ...['--aead', '--trailers', `--dir=${disk}`, `--html=${page}`, '--json'],
  ])

  t.is(code, 0, stderr)
  const { rows } = JSON.parse(stdout) as { rows: readonly { readonly name: string }[] }
  const clustorRow = rows.find(({ name }) => name === 'clustor')
  t.like(clustorRow, { ledger: 'ordered', durability: 'group', aead: true })
  for (const raw of ['raw-single', 'raw-ordered', 'raw-parallel']) {
    t.true(
      rows.some(({ name }) => name === raw),
      raw,
    )
  }
  t.true(readFileSync(page, 'utf8').startsWith('<!doctype html>'))
  t.deepEqual(readdirSync(disk), [])
})

const refusals = [
  ['--payload=0', 'from 1B to 1MiB'],
  ['--payload=256,2MiB', 'from 1B to 1MiB'],
  ['--appenders=1,0', 'at least 1'],
  ['--batch=x', 'at least 1'],
  ['--ledger=ordered,fast', '"fast" is none of'],
  ['--durability=none', '"none" is none of'],
  ['--aead=maybe', '"maybe" is none of'],
  ['--trailers=1', '"1" is none of'],
  ['--logs=0', 'at least 1'],
  ['--block-alignment=3000', 'a power of two from 512 to 4096'],
  ['--against=leveldb', '"leveldb" is none of'],
  ['--rounds=0', 'at least 1'],
  ['--seconds=-1', 'at least 1'],
  ['--html=/missing/report.html', 'in a directory that exists'],
] as const

for (const [flag, reason] of refusals) {
  test(`bench append refuses ${flag}`, async (t) => {
    const { code, stdout, stderr } = await clustor(['bench', 'append', flag])
    t.is(code, 2)
    t.is(stdout, '')
    t.true(stderr.includes(reason), stderr)
  })
}

test('a peer that npm cannot install is refused with what to do', async (t) => {
  const cache = temporaryDirectory(t)
  const { code, stdout, stderr } = await clustor(['bench', 'append', '--against=lmdb'], {
    environment: { XDG_CACHE_HOME: cache, npm_config_offline: 'true', npm_config_cache: cache },
  })
  t.is(code, 2)
  t.is(stdout, '')
  t.regex(stderr, /ERR_INVALID_ARGUMENT/)
  t.regex(stderr, /npm could not install lmdb@3 into/)
})

test('Ctrl-C ends bench append without a half report and without files', async (t) => {
  const directory = temporaryDirectory(t)
  const child = startCommand(['bench', 'append', '--seconds=1000', `--dir=${directory}`])
  child.stderr?.once('data', () => child.kill('SIGINT'))
  const { code, stdout } = await ended(child)
  t.is(code, 130)
  t.is(stdout, '')
  t.deepEqual(readdirSync(directory), [])
})
