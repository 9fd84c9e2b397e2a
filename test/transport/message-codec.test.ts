import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import { integerBetween, SeededRandom } from '../../src/base/random.js'
import { FrameWriter } from '../../src/transport/frame-writer.js'
import type { DecodeFrames } from '../../src/transport/message-codec.js'
import { messageBodyBytes, readMessage, writeMessage } from '../../src/transport/message-codec.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import { MemorySink } from '../support/byte-sink.js'
import { decodeFrames } from '../support/frame-codec.js'
import { appendOf, randomBytes, sampleMessages } from '../support/raft-messages.js'

const route = { from: asReplica(1), to: asReplica(2) }
const rangeOf: DecodeFrames = (bytes) => decodeFrames(bytes).range

function bodyOf(message: PeerMessage): Buffer {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)
  writeMessage(writer, 0x0203, message)
  writer.flush()
  return sink.take().subarray(4)
}

for (const message of Object.values(sampleMessages)) {
  test(`${message.kind} survives the wire`, (t) => {
    const body = bodyOf({ message, frames: null })

    t.is(body.length, messageBodyBytes({ message, frames: null }))
    t.is(body.readUInt16LE(2), 0x0203)
    t.deepEqual(readMessage(body, route, rangeOf), { message, frames: null })
  })
}

test('a vote that a leader asked for says so on the wire', (t) => {
  const message = { ...sampleMessages['request-vote'], leadershipTransfer: true } as const
  const body = bodyOf({ message, frames: null })

  t.is(body[1], 2)
  t.deepEqual(readMessage(body, route, rangeOf), { message, frames: null })
})

test('a heartbeat after which the leader falls silent says so on the wire', (t) => {
  const message = { ...sampleMessages.heartbeat, quiesce: true } as const
  const body = bodyOf({ message, frames: null })

  t.is(body[1], 4)
  t.deepEqual(readMessage(body, route, rangeOf), { message, frames: null })
})

test('a high round trip is a flag of its own on the wire, beside quiescence and refusal', (t) => {
  const mark = { highRoundTrip: true } as const
  const marked = [
    { message: { ...sampleMessages.heartbeat, ...mark }, flags: 8 },
    { message: { ...sampleMessages.heartbeat, quiesce: true, ...mark } as const, flags: 4 + 8 },
    { message: { ...sampleMessages['pre-vote-response'], ...mark }, flags: 1 + 8 },
    { message: { ...sampleMessages['pre-vote-response'], rejected: false, ...mark }, flags: 8 },
  ]

  for (const { message, flags } of marked) {
    const body = bodyOf({ message, frames: null })
    t.is(body[1], flags)
    t.deepEqual(readMessage(body, route, rangeOf), { message, frames: null })
  }
})

test('only heartbeats and answers to pre-votes know of a high round trip', (t) => {
  const others = Object.values(sampleMessages).filter(
    ({ kind }) => kind !== 'heartbeat' && kind !== 'pre-vote-response',
  )

  for (const message of others) {
    const body = bodyOf({ message, frames: null })
    body[1]! |= 8
    t.throws(() => readMessage(body, route, rangeOf), { code: 'ERR_PROTOCOL' }, message.kind)
  }
})

test('an append carries the frames as they are and gives them back as a view', (t) => {
  const sent = appendOf(41, [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(100_000, 5)])
  const body = bodyOf(sent)

  const received = readMessage(body, route, rangeOf)

  t.deepEqual(received.message, sent.message)
  t.true(Buffer.from(sent.frames!).equals(received.frames!))
  t.is(received.frames!.buffer, body.buffer)
})

test('the bytes are those of docs/protocol.md', (t) => {
  const body = bodyOf({ message: sampleMessages['append-entries-response'], frames: null })

  t.is(
    body.toString('hex'),
    '15010302' + '0700000000000000' + '0b00000000000000' + '0900000000000000' + '0500000000000000',
  )
})

test('an append whose frames do not verify is refused with the code of the log', (t) => {
  const body = bodyOf(appendOf(41, [Buffer.from('one')]))
  body[body.length - 6]! ^= 1

  t.throws(() => readMessage(body, route, rangeOf), { code: 'ERR_FRAME_CORRUPT' })
})

test('frames that do not follow the previous index are refused', (t) => {
  const body = bodyOf(appendOf(41, [Buffer.from('one')]))
  body[12]! += 1

  t.throws(() => readMessage(body, route, rangeOf), { code: 'ERR_PROTOCOL' })
})

test('frames of a later term than the message are refused', (t) => {
  const body = bodyOf(appendOf(41, [Buffer.from('one')]))
  body[4] = 6

  t.throws(() => readMessage(body, route, rangeOf), { code: 'ERR_PROTOCOL' })
})

test('a position of 2^53 or more is refused', (t) => {
  const body = bodyOf({ message: sampleMessages.heartbeat, frames: null })
  body.writeBigUInt64LE(2n ** 53n, 20)

  t.throws(() => readMessage(body, route, rangeOf), { code: 'ERR_PROTOCOL' })
})

test('unknown types, unknown flags and other lengths are refused', (t) => {
  const body = bodyOf({ message: sampleMessages.heartbeat, frames: null })
  const changed = (offset: number, value: number): Buffer => {
    const copy = Buffer.from(body)
    copy[offset] = value
    return copy
  }

  for (const broken of [
    changed(0, 0x1c),
    changed(1, 1),
    changed(1, 16),
    body.subarray(0, 28),
    Buffer.concat([body, Buffer.alloc(1)]),
  ]) {
    t.throws(() => readMessage(broken, route, rangeOf), { code: 'ERR_PROTOCOL' })
  }
})

test('whatever bytes arrive, reading them ends in a message or a coded error', (t) => {
  const seed = 20_251
  const random = new SeededRandom(seed)
  const samples = [
    ...Object.values(sampleMessages).map((message) => bodyOf({ message, frames: null })),
    bodyOf(appendOf(5, [Buffer.alloc(30, 1), Buffer.alloc(300, 2)])),
  ]
  for (let round = 0; round < 20_000; round++) {
    const body = mutated(samples[integerBetween(random, 0, samples.length - 1)]!, random)
    try {
      readMessage(body, route, rangeOf)
    } catch (error) {
      if (error instanceof ClustorError) continue
      t.fail(`seed ${seed}, round ${round}: ${body.toString('hex')}: ${String(error)}`)
      return
    }
  }
  t.pass()
})

function mutated(sample: Buffer, random: SeededRandom): Buffer {
  const body = Buffer.from(sample)
  for (let flips = integerBetween(random, 1, 4); flips > 0; flips--) {
    body[integerBetween(random, 0, body.length - 1)] = integerBetween(random, 0, 255)
  }
  switch (integerBetween(random, 0, 3)) {
    case 0:
      return body.subarray(0, integerBetween(random, 1, body.length))
    case 1:
      return Buffer.concat([body, randomBytes(random, integerBetween(random, 1, 40))])
    default:
      return body
  }
}
