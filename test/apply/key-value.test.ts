import test from 'ava'

import {
  decodeAnswer,
  decodeResult,
  encodeCommand,
  encodeQuery,
  keyBytesMax,
  scanRowsMax,
  valueBytesMax,
} from '../../src/apply/key-value-codec.js'
import type { KeyValueCommand, KeyValueResult } from '../../src/apply/key-value-codec.js'
import { KeyValueMachine } from '../../src/apply/key-value.js'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'

class Store {
  readonly machine = new KeyValueMachine()
  #index = 0

  run(command: KeyValueCommand): KeyValueResult {
    return this.runBytes(encodeCommand(command))
  }

  runBytes(payload: Uint8Array): KeyValueResult {
    this.#index += 1
    const [result] = this.machine.apply([{ index: asIndex(this.#index), term: asTerm(1), payload }])
    return decodeResult(result ?? new Uint8Array(0))
  }

  put(key: string, value = key): KeyValueResult {
    return this.run({ kind: 'put', key, value: Buffer.from(value) })
  }

  value(key: string): string | null {
    const row = this.machine.get(key)
    return row === null ? null : Buffer.from(row.value).toString()
  }
}

test('a put tells the version before and after it', (t) => {
  const store = new Store()

  t.deepEqual(store.put('a'), { outcome: 'done', previousVersion: 0, version: 1 })
  t.deepEqual(store.put('a', 'again'), { outcome: 'done', previousVersion: 1, version: 2 })
  t.is(store.value('a'), 'again')
})

test('a delete leaves no version, also of a key that was not there', (t) => {
  const store = new Store()
  store.put('a')

  t.deepEqual(store.run({ kind: 'delete', key: 'a' }), {
    outcome: 'done',
    previousVersion: 1,
    version: 0,
  })
  t.deepEqual(store.run({ kind: 'delete', key: 'a' }), {
    outcome: 'done',
    previousVersion: 0,
    version: 0,
  })
  t.is(store.value('a'), null)
})

test('compare-and-set writes only at the expected version', (t) => {
  const store = new Store()
  const set = (expectedVersion: number, value: string | null): KeyValueResult =>
    store.run({
      kind: 'compare-and-set',
      key: 'a',
      expectedVersion,
      value: value === null ? null : Buffer.from(value),
    })

  t.deepEqual(set(0, 'one'), { outcome: 'done', previousVersion: 0, version: 1 })
  t.deepEqual(set(0, 'two'), { outcome: 'version-differs', previousVersion: 1, version: 1 })
  t.deepEqual(set(1, 'two'), { outcome: 'done', previousVersion: 1, version: 3 })
  t.is(store.value('a'), 'two')
  t.deepEqual(set(3, null), { outcome: 'done', previousVersion: 3, version: 0 })
  t.is(store.value('a'), null)
})

test('bytes that are no command are refused, the machine goes on', (t) => {
  const store = new Store()
  const longKey = 'k'.repeat(keyBytesMax + 1)

  t.is(store.runBytes(Uint8Array.of(0xc1)).outcome, 'refused')
  t.is(store.runBytes(new Uint8Array(0)).outcome, 'refused')
  t.is(store.runBytes(Buffer.from('not a command')).outcome, 'refused')
  t.throws(() => store.put(longKey), { code: 'ERR_TOO_LARGE' })
  t.throws(() => store.put('a', 'v'.repeat(valueBytesMax + 1)), { code: 'ERR_TOO_LARGE' })
  t.is(store.put('k'.repeat(keyBytesMax)).outcome, 'done')
})

test('key limits count UTF-8 bytes', (t) => {
  const store = new Store()

  t.is(store.put('é'.repeat(keyBytesMax / 2)).outcome, 'done')
  t.throws(() => store.put('é'.repeat(keyBytesMax / 2 + 1)), { code: 'ERR_TOO_LARGE' })
})

test('a value of any size and any bytes is a copy, and does not keep the batch alive that brought it', (t) => {
  const store = new Store()
  for (const valueBytes of [0, 1, 256, 4096, 4097, 50_000]) {
    const value = Buffer.from(Array.from({ length: valueBytes }, (_, at) => at % 256))
    const batch = Buffer.alloc(1_000_000)
    const command = encodeCommand({ kind: 'put', key: 'a', value })
    batch.set(command, 0)

    store.runBytes(batch.subarray(0, command.length))
    batch.fill(0)

    const stored = store.machine.get('a')?.value
    t.deepEqual(Buffer.from(stored ?? []), value)
    t.true((stored?.buffer.byteLength ?? Infinity) < 100_000)
  }
})

test('scans are ordered, bounded, and say when there is more', (t) => {
  const store = new Store()
  for (const key of ['b/2', 'a', 'b/1', 'c', 'b/3', 'b']) store.put(key)
  const keys = (range: object, limit = 100): readonly string[] =>
    store.machine.scan(range, limit).rows.map(({ key }) => key)

  t.deepEqual(keys({}), ['a', 'b', 'b/1', 'b/2', 'b/3', 'c'])
  t.deepEqual(keys({ prefix: 'b/' }), ['b/1', 'b/2', 'b/3'])
  t.deepEqual(keys({ from: 'b', to: 'b/2' }), ['b', 'b/1'])
  t.deepEqual(keys({ prefix: 'b', from: 'b/2' }), ['b/2', 'b/3'])
  t.deepEqual(keys({ from: 'x' }), [])
  t.deepEqual(keys({ from: 'c', to: 'a' }), [])
  t.like(store.machine.scan({ prefix: 'b' }, 2), { more: true })
  t.like(store.machine.scan({ prefix: 'b' }, 4), { more: false })
  t.is(store.machine.count({ prefix: 'b' }), 4)
  t.is(store.machine.count({ from: 'c', to: 'a' }), 0)
})

test('a scan answer is bounded in rows', (t) => {
  const store = new Store()
  for (let at = 0; at <= scanRowsMax; at++) store.put(`k${String(at).padStart(6, '0')}`)

  const { rows, more } = store.machine.scan({}, Number.MAX_SAFE_INTEGER)

  t.is(rows.length, scanRowsMax)
  t.true(more)
})

test('scans between random writes see what a sorted model sees', (t) => {
  const random = new SeededRandom(7)
  const store = new Store()
  const model = new Map<string, string>()

  for (let round = 0; round < 300; round++) {
    const key = `k${integerBetween(random, 0, 40)}`
    if (integerBetween(random, 0, 2) === 0) {
      store.run({ kind: 'delete', key })
      model.delete(key)
    } else {
      store.put(key, `v${round}`)
      model.set(key, `v${round}`)
    }
    if (round % 5 > 0) continue
    const rows = store.machine.scan({}, 100).rows
    t.deepEqual(
      rows.map((row) => [row.key, Buffer.from(row.value).toString()]),
      [...model].sort(([a], [b]) => (a < b ? -1 : 1)),
    )
  }
})

test('queries travel as bytes and unknown ones are refused', (t) => {
  const store = new Store()
  store.put('a', 'one')
  const ask = (request: Uint8Array): unknown => decodeAnswer(store.machine.query(request))

  t.like(ask(encodeQuery({ kind: 'get', key: 'a' })), { kind: 'get', row: { version: 1 } })
  t.deepEqual(ask(encodeQuery({ kind: 'get', key: 'b' })), { kind: 'get', row: null })
  t.deepEqual(ask(encodeQuery({ kind: 'count', range: {} })), { kind: 'count', count: 1 })
  t.like(ask(encodeQuery({ kind: 'scan', range: { prefix: 'a' }, limit: 5 })), {
    kind: 'scan',
    more: false,
  })
  t.like(ask(Buffer.from('nonsense')), { kind: 'refused' })
})
