import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { NativeKeys } from '../../src/native/addon.js'
import { createKeyFile, rotateKeyFile } from '../../src/wal/key-file.js'
import { KeyRing, withKeys } from '../../src/wal/key-ring.js'
import type { KeyRingKeys } from '../../src/wal/keys.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const keys = { dek: { 1: key(1), 3: key(3) }, mac: { 2: key(2) }, activeDek: 3, activeMac: 2 }

/** What the addon would be given, copied as the addon copies it. */
async function taken(ring: KeyRing): Promise<NativeKeys> {
  return await withKeys(ring, (given) => {
    if (given === null) throw new Error('no keys')
    return Promise.resolve({ ...given, bytes: Uint8Array.from(given.bytes) })
  })
}

function written(t: ExecutionContext, text: string, mode = 0o600): string {
  const path = join(temporaryDirectory(t), 'keys.json')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

test('W21: a ring hands epochs, keys and active epochs to the addon', async (t) => {
  const given = await taken(KeyRing.fromBytes(keys))

  t.deepEqual([...given.dekEpochs], [1, 3])
  t.deepEqual([...given.macEpochs], [2])
  t.deepEqual(given.bytes, Uint8Array.from([...key(1), ...key(3), ...key(2)]))
  t.is(given.activeDek, 3)
  t.is(given.activeMac, 2)
})

test('a ring copies keys, so the caller may zero its own at once', async (t) => {
  const mine = key(7)
  const ring = KeyRing.fromBytes({ dek: { 1: mine }, mac: {}, activeDek: 1, activeMac: 0 })
  mine.fill(0)

  t.deepEqual((await taken(ring)).bytes, key(7))
})

test('the copy for the addon is zeroed as soon as the call has returned', async (t) => {
  let seen = new Uint8Array(0)
  let release = (): void => undefined

  const call = withKeys(KeyRing.fromBytes(keys), async (given) => {
    seen = given?.bytes as Uint8Array<ArrayBuffer>
    await new Promise<void>((resolve) => (release = resolve))
  })
  await new Promise((resolve) => setImmediate(resolve))

  t.deepEqual(seen, new Uint8Array(96))
  release()
  await call
})

test('a ring that was disposed of opens nothing more', async (t) => {
  const ring = KeyRing.fromBytes(keys)
  ring.dispose()
  ring.dispose()

  await t.throwsAsync(taken(ring), { code: 'ERR_CLOSED' })
})

test('a ring shows no key when it is printed or made JSON', (t) => {
  const ring = KeyRing.fromBytes(keys)

  t.is(JSON.stringify(ring), '{}')
})

const refused: { name: string; given: unknown; wanted: RegExp }[] = [
  { name: 'a short key', given: { ...keys, dek: { 1: key(1).subarray(1) } }, wanted: /dek.*1.*32/ },
  { name: 'a text as key', given: { ...keys, mac: { 2: 'secret' } }, wanted: /mac.*2.*32 bytes/ },
  { name: 'epoch 0', given: { ...keys, dek: { 0: key(1) } }, wanted: /dek epoch 0/ },
  { name: 'epoch 2^32', given: { ...keys, dek: { 4294967296: key(1) } }, wanted: /4294967296/ },
  {
    name: 'an active epoch without key',
    given: { ...keys, activeDek: 2 },
    wanted: /activeDek is 2/,
  },
  { name: 'no active epoch', given: { dek: keys.dek, mac: {} }, wanted: /activeDek is undefined/ },
  { name: 'no table of keys', given: { activeDek: 0, activeMac: 0 }, wanted: /dek and mac/ },
  { name: 'nothing', given: undefined, wanted: /dek and mac/ },
]
for (const { name, given, wanted } of refused) {
  test(`a ring of bytes refuses ${name} and does not repeat keys`, (t) => {
    const error = t.throws(() => KeyRing.fromBytes(given as KeyRingKeys), {
      code: 'ERR_INVALID_ARGUMENT',
    })

    t.regex(error.message, wanted)
    t.notRegex(error.message, /secret/)
  })
}

test('a provider is asked each time keys are needed', async (t) => {
  let calls = 0
  const ring = KeyRing.fromProvider(() => {
    calls += 1
    return Promise.resolve({ ...keys, dek: { [calls]: key(calls) }, activeDek: calls })
  })

  t.is((await taken(ring)).activeDek, 1)
  t.is((await taken(ring)).activeDek, 2)
})

test('a provider that fails is named, with its reason as the cause', async (t) => {
  const ring = KeyRing.fromProvider(() => Promise.reject(new Error('KMS is away')))

  const error = await t.throwsAsync(taken(ring), { code: 'ERR_KEY_PROVIDER_FAILED' })

  t.regex(error.message, /KMS is away/)
  t.true(error.cause instanceof Error)
})

test('a provider that answers something else is refused', async (t) => {
  const ring = KeyRing.fromProvider(() => Promise.resolve({} as KeyRingKeys))

  await t.throwsAsync(taken(ring), { code: 'ERR_INVALID_ARGUMENT', message: /key provider/ })
})

test("a made key file is its owner's alone, holds random keys and opens", async (t) => {
  const directory = temporaryDirectory(t)
  const [one, other] = [join(directory, 'one.json'), join(directory, 'other.json')]

  t.like(createKeyFile(one), { dekEpochs: [1], macEpochs: [1], activeDek: 1, activeMac: 1 })
  createKeyFile(other)

  const [first, second] = [await taken(KeyRing.fromFile(one)), await taken(KeyRing.fromFile(other))]
  t.is(statSync(one).mode & 0o777, 0o600)
  t.notDeepEqual(first.bytes, second.bytes)
  t.notDeepEqual(first.bytes.subarray(0, 32), first.bytes.subarray(32))
  t.deepEqual(readdirSync(directory).sort(), ['one.json', 'other.json'])
})

test('a key file is never overwritten', (t) => {
  const path = written(t, 'precious')

  t.throws(() => createKeyFile(path), { code: 'ERR_KEY_FILE_EXISTS', message: /keys rotate/ })

  t.is(readFileSync(path, 'utf8'), 'precious')
  t.false(existsSync(`${path}.next`))
})

test('W21: a rotation adds epochs, makes them active and keeps the old keys', async (t) => {
  const path = join(temporaryDirectory(t), 'keys.json')
  createKeyFile(path)
  const before = await taken(KeyRing.fromFile(path))

  const summary = rotateKeyFile(path)

  const after = await taken(KeyRing.fromFile(path))
  t.like(summary, { dekEpochs: [1, 2], macEpochs: [1, 2], activeDek: 2, activeMac: 2 })
  t.deepEqual([...after.dekEpochs], [1, 2])
  t.deepEqual(after.bytes.subarray(0, 32), before.bytes.subarray(0, 32))
  t.deepEqual(after.bytes.subarray(64, 96), before.bytes.subarray(32, 64))
  t.is(statSync(path).mode & 0o777, 0o600)
})

test('two rotations at a time do not lose keys: the second is refused', (t) => {
  const path = join(temporaryDirectory(t), 'keys.json')
  createKeyFile(path)
  const before = readFileSync(path, 'utf8')
  writeFileSync(`${path}.next`, '')

  t.throws(() => rotateKeyFile(path), { code: 'ERR_KEY_FILE_EXISTS', message: /keys\.json\.next/ })

  t.is(readFileSync(path, 'utf8'), before)
})

for (const mode of [0o640, 0o604, 0o620]) {
  test(`a key file of mode ${mode.toString(8)} is refused with the chmod to run`, (t) => {
    const path = written(t, '{}', mode)

    const error = t.throws(() => KeyRing.fromFile(path), { code: 'ERR_KEY_FILE_EXPOSED' })

    t.true(error.message.includes(`chmod 600 ${path}`))
  })
}

const hex = '00'.repeat(31) + 'ff'
const base64 = Buffer.from(hex, 'hex').toString('base64')
const file = {
  version: 1,
  kekVersion: 4,
  dek: { 1: hex },
  mac: { 1: base64 },
  activeDek: 1,
  activeMac: 1,
}

test('keys in a file are hexadecimal or base64', async (t) => {
  const { bytes } = await taken(KeyRing.fromFile(written(t, JSON.stringify(file))))

  t.deepEqual(bytes.subarray(0, 32), bytes.subarray(32))
  t.is(bytes[31], 0xff)
})

const invalidFiles: { name: string; text: string; wanted: RegExp }[] = [
  { name: 'no JSON', text: `{"dek": ${hex}`, wanted: /no JSON object/ },
  { name: 'a list', text: '[]', wanted: /no JSON object/ },
  {
    name: 'another version',
    text: JSON.stringify({ ...file, version: 2 }),
    wanted: /version is 2/,
  },
  {
    name: 'a short key',
    text: JSON.stringify({ ...file, dek: { 1: hex.slice(2) } }),
    wanted: /dek/,
  },
  {
    name: 'no MAC keys',
    text: JSON.stringify({ ...file, mac: null }),
    wanted: /mac must be a table/,
  },
  {
    name: 'a missing epoch',
    text: JSON.stringify({ ...file, activeMac: 2 }),
    wanted: /activeMac is 2/,
  },
  {
    name: 'a kekVersion that is text',
    text: JSON.stringify({ ...file, kekVersion: 'x' }),
    wanted: /kek/,
  },
]
for (const { name, text, wanted } of invalidFiles) {
  test(`a key file with ${name} is refused without repeating what it holds`, (t) => {
    const error = t.throws(() => KeyRing.fromFile(written(t, text)), {
      code: 'ERR_KEY_FILE_INVALID',
    })

    t.regex(error.message, wanted)
    t.false(error.message.includes(hex.slice(0, 16)))
  })
}

test('a missing key file is named', (t) => {
  const path = join(temporaryDirectory(t), 'none.json')

  t.throws(() => KeyRing.fromFile(path), { code: 'ERR_KEY_FILE_INVALID', message: /none\.json/ })
})
