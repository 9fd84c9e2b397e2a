import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { integerBetween, SeededRandom } from '../../src/base/random.js'
import {
  decodeControl,
  decodeError,
  decodePlain,
  encodeError,
  encodePlain,
  readInteger,
  readText,
} from '../../src/transport/control-codec.js'
import { randomBytes } from '../support/raft-messages.js'

const plainValues = [
  null,
  true,
  0,
  -1,
  2 ** 32 + 1,
  -(2 ** 40),
  1.5,
  '',
  'ä'.repeat(300),
  Buffer.alloc(70_000, 1).subarray(0, 60_000),
  [1, [2, ['three']]],
  { a: 1, b: { c: [null] } },
  Array.from({ length: 300 }, (_, position) => position),
]

for (const [position, value] of plainValues.entries()) {
  test(`plain value ${position} survives the wire`, (t) => {
    t.deepEqual(decodePlain(encodePlain(value)), value)
  })
}

const hostileBytes = {
  'an array of 2^25 elements in five bytes': [0xdd, 0x02, 0, 0, 0],
  'a map of 2^32 entries': [0xdf, 0xff, 0xff, 0xff, 0xff],
  'bytes that are not there': [0xc6, 0x7f, 0xff, 0xff, 0xff],
  'a record definition': [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01],
  'a typed array': [0xc7, 0x02, 0x74, 0x01, 0x01],
  'a reserved head': [0xc1],
  'a key that is a number': [0x81, 0x01, 0x01],
  'nesting without end': Array.from({ length: 100 }, () => 0x91),
  'two values': [0x01, 0x01],
  nothing: [],
}

for (const [name, bytes] of Object.entries(hostileBytes)) {
  test(`${name} is refused before a decoder sees it`, (t) => {
    t.throws(() => decodePlain(Buffer.from(bytes)), {
      instanceOf: ClustorError,
      code: 'ERR_PROTOCOL',
    })
  })
}

test('a control body over its limit is refused', (t) => {
  t.throws(() => decodePlain(encodePlain('a'.repeat(70_000))), { code: 'ERR_FRAME_TOO_LARGE' })
})

test('whatever bytes arrive, a control map ends in a map or a coded error', (t) => {
  const seed = 11
  const random = new SeededRandom(seed)
  const sample = encodePlain({ protocol: 1, cluster: 'c1', list: [1, 2, { x: null }], f: 1.5 })
  for (let round = 0; round < 20_000; round++) {
    const bytes =
      round % 2 === 0 ? randomBytes(random, integerBetween(random, 0, 40)) : Buffer.from(sample)
    if (bytes.length > 0) {
      bytes[integerBetween(random, 0, bytes.length - 1)] = integerBetween(random, 0, 255)
    }
    try {
      decodeControl(bytes, 0)
    } catch (error) {
      if (error instanceof ClustorError) continue
      t.fail(`seed ${seed}, round ${round}: ${bytes.toString('hex')}: ${String(error)}`)
      return
    }
  }
  t.pass()
})

test('an error keeps its code, outcome and plain fields', (t) => {
  const sent = new ClustorError('ERR_NOT_LEADER', 'not leader in term 7', {
    outcome: 'unknown',
    fields: { leaderHint: '127.0.0.1:1', term: 7, socket: { not: 'plain' } },
  })

  const received = decodeError(encodeError(sent), 0)

  t.is(received.code, 'ERR_NOT_LEADER')
  t.is(received.message, 'not leader in term 7')
  t.is(received.outcome, 'unknown')
  t.deepEqual(received.fields, { leaderHint: '127.0.0.1:1', term: 7 })
})

test('an error that is none of ours travels as internal', (t) => {
  const received = decodeError(encodeError(new TypeError('x is not a function')), 0)

  t.is(received.code, 'ERR_INTERNAL')
  t.is(received.message, 'x is not a function')
  t.is(received.outcome, 'unknown')
})

test('a code of a newer version is kept as a field', (t) => {
  const bytes = encodePlain({ code: 'ERR_OF_TOMORROW', message: 'm', outcome: 'not-applied' })

  const received = decodeError(bytes, 0)

  t.is(received.code, 'ERR_INTERNAL')
  t.deepEqual(received.fields, { remoteCode: 'ERR_OF_TOMORROW' })
})

test('keys of a map are checked where they are read', (t) => {
  const map = decodeControl(encodePlain({ name: 'n1', replica: 3, long: 'a'.repeat(256) }), 0)

  t.is(readText(map, 'name'), 'n1')
  t.is(readInteger(map, 'replica'), 3)
  t.throws(() => readText(map, 'replica'), { code: 'ERR_PROTOCOL' })
  t.throws(() => readText(map, 'long'), { code: 'ERR_PROTOCOL' })
  t.throws(() => readInteger(map, 'missing'), { code: 'ERR_PROTOCOL' })
})
