import test from 'ava'

import {
  decodeCommand,
  decodeSessionCommand,
  encodeCommand,
  encodeSessionCommand,
} from '../../src/apply/command.js'
import { asIndex } from '../../src/base/ids.js'

const payload = Buffer.from('payload')

test('a command without a session is two header bytes and the payload', (t) => {
  const bytes = encodeCommand(payload, null)

  t.is(Buffer.from(bytes).toString('hex'), `0100${payload.toString('hex')}`)
  t.deepEqual(decodeCommand(bytes), { stamp: null, payload })
})

test('a command with a session carries three little-endian positions', (t) => {
  const stamp = { session: asIndex(0x0102), sequence: 3, acknowledgedSequence: 2 }

  const bytes = encodeCommand(payload, stamp)

  t.is(
    Buffer.from(bytes).toString('hex'),
    `01010201000000000000030000000000000002${'00'.repeat(7)}${payload.toString('hex')}`,
  )
  t.deepEqual(decodeCommand(bytes), { stamp, payload })
})

test('positions above 32 bits survive', (t) => {
  const big = Number.MAX_SAFE_INTEGER
  const stamp = { session: asIndex(big), sequence: big - 1, acknowledgedSequence: 2 ** 32 + 7 }

  t.deepEqual(decodeCommand(encodeCommand(payload, stamp)).stamp, stamp)
})

test('an empty payload stays empty', (t) => {
  t.is(decodeCommand(encodeCommand(new Uint8Array(0), null)).payload.length, 0)
})

test('encoding copies, so the caller may use its buffer again', (t) => {
  const reused = Buffer.from('before')
  const bytes = encodeCommand(reused, null)

  reused.fill(0)

  t.is(Buffer.from(decodeCommand(bytes).payload).toString(), 'before')
})

test('an unknown version or flag stops the replica instead of being skipped', (t) => {
  t.throws(() => decodeCommand(Uint8Array.of(2, 0)), { code: 'ERR_FORMAT_NEWER' })
  t.throws(() => decodeCommand(Uint8Array.of(1, 2)), { code: 'ERR_FORMAT_NEWER' })
  t.throws(() => decodeSessionCommand(Uint8Array.of(1, 9)), { code: 'ERR_FORMAT_NEWER' })
})

test('bytes that end too early are refused', (t) => {
  const full = encodeCommand(new Uint8Array(0), {
    session: asIndex(1),
    sequence: 1,
    acknowledgedSequence: 0,
  })

  t.throws(() => decodeCommand(full.subarray(0, 25)), { code: 'ERR_LOG_CORRUPT' })
  t.throws(() => decodeCommand(new Uint8Array(1)), { code: 'ERR_LOG_CORRUPT' })
  t.throws(() => decodeSessionCommand(Uint8Array.of(1, 2, 0)), { code: 'ERR_LOG_CORRUPT' })
})

test('session commands carry their limits or their session', (t) => {
  const open = {
    kind: 'open-session',
    limits: { sessionsMax: 4096, answersMax: 0xffff_ffff },
  } as const
  const close = { kind: 'close-session', session: asIndex(2 ** 40) } as const

  const bytes = encodeSessionCommand(open)

  t.is(Buffer.from(bytes).toString('hex'), '010100100000ffffffff')
  t.deepEqual(decodeSessionCommand(bytes), open)
  t.deepEqual(decodeSessionCommand(encodeSessionCommand(close)), close)
})
