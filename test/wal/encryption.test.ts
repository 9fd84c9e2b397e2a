import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ClustorError, KeyRingKeys, OpenLogOptions } from '../../src/log.js'
import {
  DurableLog,
  dumpDirectory,
  KeyRing,
  proveEntry,
  verifyDirectory,
  verifyProof,
} from '../../src/log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024, durability: 'group' } as const
const key = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
const first: KeyRingKeys = { dek: { 1: key(1) }, mac: { 1: key(2) }, activeDek: 1, activeMac: 1 }
const second: KeyRingKeys = {
  dek: { 1: key(1), 2: key(3) },
  mac: { 1: key(2), 2: key(4) },
  activeDek: 2,
  activeMac: 2,
}
const secret = 'a sentence that nobody else may read '

const keys = KeyRing.fromBytes(first)
const allowing = KeyRing.fromBytes(first, { allowPlain: true })

async function open(
  t: ExecutionContext,
  directory: string,
  options: Partial<OpenLogOptions>,
): Promise<DurableLog> {
  const { log } = await DurableLog.open({ directory, ...small, ...options })
  t.teardown(() => log.close())
  return log
}

/** Appends so many entries of 5,000 bytes. */
async function append(log: DurableLog, count: number): Promise<void> {
  for (let done = 0; done < count; done++) await log.append(payload())
}

const payload = (): Buffer => Buffer.alloc(5000, secret)

async function count(log: DurableLog): Promise<number> {
  let entries = 0
  for await (const entry of log.read()) {
    if (!payload().equals(entry.payload)) throw new Error(`entry ${entry.index}`)
    entries += 1
  }
  return entries
}

const refusal = async (t: ExecutionContext, options: OpenLogOptions): Promise<ClustorError> =>
  await t.throwsAsync<ClustorError>(DurableLog.open({ ...small, ...options }))

function filesOf(directory: string): Buffer {
  const wal = join(directory, 'wal')
  return Buffer.concat(readdirSync(wal).map((name) => readFileSync(join(wal, name))))
}

for (const options of [{}, { encoding: 'json' }, { ledger: 'inline' }] as const) {
  test(`W21: an encrypted log comes back, and its files hold no plaintext (${JSON.stringify(options)})`, async (t) => {
    const directory = temporaryDirectory(t)
    const log = await open(t, directory, { keys, ...options })
    await append(log, 30)
    await log.close()

    const again = await open(t, directory, { keys, ...options })

    t.is(await count(again), 30)
    t.false(filesOf(directory).includes('nobody else'))
    t.false(filesOf(directory).includes(payload().subarray(0, 300).toString('base64')))
  })
}

test('W21: wrong key, unknown epoch and foreign log are three different refusals, and change nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await open(t, directory, { keys })
  await append(log, 20)
  await log.close()
  const before = filesOf(directory)
  const other = KeyRing.fromBytes({ ...first, dek: { 1: key(9) } })
  const later = KeyRing.fromBytes({
    dek: { 2: key(3) },
    mac: { 2: key(4) },
    activeDek: 2,
    activeMac: 2,
  })
  const identity = { cluster: 'other', partition: 'log', replica: 1 }

  t.is((await refusal(t, { directory, keys: other })).code, 'ERR_KEY_WRONG')
  t.is((await refusal(t, { directory, keys: later })).code, 'ERR_KEY_UNKNOWN_EPOCH')
  t.is((await refusal(t, { directory })).code, 'ERR_KEY_UNKNOWN_EPOCH')
  t.is((await refusal(t, { directory, keys, identity })).code, 'ERR_IDENTITY_MISMATCH')

  t.deepEqual(filesOf(directory), before)
  t.is(await count(await open(t, directory, { keys })), 20)
})

test('W21: keys are rotated while the log runs, and both epochs are needed from then on', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await open(t, directory, { keys })
  await append(log, 10)

  await log.rotateKeys(KeyRing.fromBytes(second))
  await append(log, 10)
  t.is(await count(log), 20)
  await log.close()

  const details: string[] = []
  const items = dumpDirectory(directory, { keys: KeyRing.fromBytes(second) })
  for await (const { type, detail } of items) if (type === 'segment') details.push(detail)
  t.true(details.length >= 2)
  t.is((await refusal(t, { directory, keys })).code, 'ERR_KEY_UNKNOWN_EPOCH')
  t.is(await count(await open(t, directory, { keys: KeyRing.fromBytes(second) })), 20)
})

test('W21: a rotation to keys that do not open what is there is refused, and the log goes on', async (t) => {
  const log = await open(t, temporaryDirectory(t), { keys })
  await append(log, 5)
  const without = KeyRing.fromBytes({
    dek: { 2: key(3) },
    mac: { 2: key(4) },
    activeDek: 2,
    activeMac: 2,
  })

  await t.throwsAsync(log.rotateKeys(without), { code: 'ERR_KEY_UNKNOWN_EPOCH' })

  await append(log, 5)
  t.is(await count(log), 10)
})

test('W21: a provider is asked at open and at each rotation', async (t) => {
  const directory = temporaryDirectory(t)
  const answers = [first, second, second]
  let asked = 0
  const provider = KeyRing.fromProvider(() => Promise.resolve(answers[asked++] ?? second))
  const log = await open(t, directory, { keys: provider })
  await append(log, 5)

  await log.rotateKeys(provider)
  await append(log, 5)
  await log.close()

  t.is(asked, 2)
  t.is(await count(await open(t, directory, { keys: provider })), 10)
})

test('W21: a plain log goes on encrypted, and its old segments stay readable', async (t) => {
  const directory = temporaryDirectory(t)
  const plain = await open(t, directory, {})
  await append(plain, 10)
  await plain.close()

  const { code, fields } = await refusal(t, { directory, keys })
  const log = await open(t, directory, { keys: allowing })
  await append(log, 10)

  t.is(code, 'ERR_LOG_UNPROTECTED')
  t.like(fields, { segment: 1 })
  t.is(await count(log), 20)
})

test('W21: an open plain log takes keys only from a ring that allows its old segments', async (t) => {
  const log = await open(t, temporaryDirectory(t), {})
  await append(log, 10)

  const error = await t.throwsAsync<ClustorError>(log.rotateKeys(keys))
  await log.rotateKeys(allowing)
  await append(log, 10)

  t.is(error.code, 'ERR_LOG_UNPROTECTED')
  t.is(await count(log), 20)
})

test('verify, dump and prove need the keys of an encrypted log, and say so', async (t) => {
  const directory = temporaryDirectory(t)
  const log = await open(t, directory, { keys })
  await append(log, 20)
  const proof = await log.prove(7)
  const root = await log.merkleRoot(proof.segment)
  await log.close()

  t.is((await verifyDirectory(directory)).verdict?.code, 'ERR_KEY_UNKNOWN_EPOCH')
  t.is((await verifyDirectory(directory, { keys })).verdict, null)
  t.deepEqual(await proveEntry(directory, 7, { keys }), proof)
  t.true(verifyProof(proof, root))
  const types: string[] = []
  for await (const { type } of dumpDirectory(directory, { keys })) types.push(type)
  t.is(types.filter((type) => type === 'entry').length, 20)
})

test('an encrypted log is scrubbed like any other', async (t) => {
  const log = await open(t, temporaryDirectory(t), { keys })
  await append(log, 20)

  t.true((await log.scrub()).bytes >= 20 * 5000)
})

test('what is no key ring is refused', async (t) => {
  const directory = temporaryDirectory(t)

  const { code } = await refusal(t, { directory, keys: first as unknown as KeyRing })

  t.is(code, 'ERR_INVALID_ARGUMENT')
})
