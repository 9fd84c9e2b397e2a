import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { integerBetween, SeededRandom } from '../../src/base/random.js'
import { FrameReader } from '../../src/transport/frame-reader.js'
import { randomBytes } from '../support/raft-messages.js'

const bodyBytesMax = 4 * 1024 * 1024

function collect(limit = bodyBytesMax): { reader: FrameReader; bodies: Buffer[] } {
  const bodies: Buffer[] = []
  return { reader: new FrameReader(limit, (body) => bodies.push(body)), bodies }
}

function framed(...bodies: Uint8Array[]): Buffer {
  return Buffer.concat(
    bodies.flatMap((body) => {
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32LE(body.length)
      return [prefix, body]
    }),
  )
}

test('a body within one chunk is handed out without a copy', (t) => {
  const { reader, bodies } = collect()
  const chunk = framed(Buffer.from('one'), Buffer.from('two'))

  reader.push(chunk)

  t.deepEqual(bodies.map(String), ['one', 'two'])
  t.true(bodies.every((body) => body.buffer === chunk.buffer))
})

test('frames are found again however the stream is cut', (t) => {
  const random = new SeededRandom(7)
  for (let round = 0; round < 50; round++) {
    const sent = Array.from({ length: 20 }, () =>
      randomBytes(random, integerBetween(random, 1, integerBetween(random, 1, 3000))),
    )
    const stream = framed(...sent)
    const { reader, bodies } = collect()
    for (let offset = 0; offset < stream.length;) {
      const bytes = integerBetween(random, 1, integerBetween(random, 1, 5000))
      reader.push(stream.subarray(offset, offset + bytes))
      offset += bytes
    }
    t.deepEqual(bodies, sent, `round ${round}`)
  }
})

test('a body of 4 MiB arrives whole in pieces of seven bytes', (t) => {
  const body = randomBytes(new SeededRandom(1), 64 * 1024)
  const large = Buffer.concat(Array.from({ length: 64 }, () => body))
  const stream = framed(large)
  const { reader, bodies } = collect()

  for (let offset = 0; offset < stream.length; offset += 7) {
    reader.push(stream.subarray(offset, offset + 7))
  }

  t.is(bodies.length, 1)
  t.true(bodies[0]!.equals(large))
})

test('a body over the limit is refused by its length alone', (t) => {
  const { reader } = collect()
  const prefix = Buffer.from([1, 0, 0x40, 0])

  const error = t.throws(() => reader.push(prefix), { instanceOf: ClustorError })

  t.is(error.code, 'ERR_FRAME_TOO_LARGE')
  t.deepEqual(error.fields, { bodyBytes: bodyBytesMax + 1, limitBytes: bodyBytesMax })
})

test('a length costs no memory before its bytes arrive', (t) => {
  const before = process.memoryUsage().arrayBuffers
  const readers = Array.from({ length: 100 }, () => {
    const { reader } = collect()
    reader.push(Buffer.from([0, 0, 0x40, 0, 1]))
    return reader
  })

  t.true(process.memoryUsage().arrayBuffers - before < 32 * 1024 * 1024)
  t.is(readers.length, 100)
})

test('an empty body is a broken protocol', (t) => {
  const { reader } = collect()

  t.throws(() => reader.push(Buffer.alloc(4)), { code: 'ERR_PROTOCOL' })
})

test('a raised limit holds for the next frame, also within one chunk', (t) => {
  const bodies: Buffer[] = []
  const reader = new FrameReader(4, (body) => {
    bodies.push(body)
    reader.setBodyBytesMax(8)
  })

  reader.push(framed(Buffer.alloc(4), Buffer.alloc(8)))

  t.is(bodies.length, 2)
  t.throws(() => reader.push(framed(Buffer.alloc(9))), { code: 'ERR_FRAME_TOO_LARGE' })
})

test('a paused reader holds the rest of the chunk and what follows', (t) => {
  const bodies: string[] = []
  const reader = new FrameReader(bodyBytesMax, (body) => {
    bodies.push(String(body))
    if (String(body) === 'stop') reader.pause()
  })
  const stream = framed(...['a', 'stop', 'b', 'stop', 'c'].map((text) => Buffer.from(text)))

  reader.push(stream.subarray(0, 20))
  reader.push(stream.subarray(20))
  t.deepEqual(bodies, ['a', 'stop'])

  reader.resume()
  t.deepEqual(bodies, ['a', 'stop', 'b', 'stop'])

  reader.resume()
  t.deepEqual(bodies, ['a', 'stop', 'b', 'stop', 'c'])
})

test('a stopped reader hands out nothing more, not even from the chunk at hand', (t) => {
  const bodies: string[] = []
  const reader = new FrameReader(bodyBytesMax, (body) => {
    bodies.push(String(body))
    reader.stop()
  })

  reader.push(framed(Buffer.from('a'), Buffer.from('b')))
  reader.push(framed(Buffer.from('c')))

  t.deepEqual(bodies, ['a'])
})
