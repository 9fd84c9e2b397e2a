import test from 'ava'

import { FrameReader } from '../../src/transport/frame-reader.js'
import { FrameWriter } from '../../src/transport/frame-writer.js'
import { MemorySink } from '../support/byte-sink.js'

const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function bodiesIn(stream: Buffer): Buffer[] {
  const bodies: Buffer[] = []
  new FrameReader(4 * 1024 * 1024, (body) => bodies.push(body)).push(stream)
  return bodies
}

test('all frames of a turn leave in one write, those of later microtasks too', async (t) => {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)

  writer.frame(Buffer.from('first'))
  await Promise.resolve()
  writer.frame(Buffer.from('second'))
  await Promise.resolve().then(() => Promise.resolve())
  writer.frame(Buffer.from('third'))
  await endOfTurn()

  t.is(sink.systemCalls, 1)
  t.is(sink.writes.length, 1)
  t.deepEqual(bodiesIn(sink.take()).map(String), ['first', 'second', 'third'])
})

test('a large block is not copied and keeps its place', async (t) => {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)
  const block = Buffer.alloc(100_000, 7)

  writer.frame(Buffer.from('before'))
  const offset = writer.begin(2, 2 + block.length)
  writer.buffer.writeUInt16LE(0x0102, offset)
  writer.block(block)
  writer.frame(Buffer.from('after'))
  await endOfTurn()

  t.is(sink.systemCalls, 1)
  t.is(sink.writes.length, 3)
  const bodies = bodiesIn(sink.take())
  t.deepEqual(
    bodies.map((body) => body.length),
    [6, 100_002, 5],
  )
  t.true(bodies[1]!.subarray(2).equals(block))
})

test('frames that fill the slab several times over arrive whole', async (t) => {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)
  const sent = Array.from({ length: 3000 }, (_, position) => Buffer.alloc(97, position & 0xff))

  for (const body of sent) writer.frame(body)
  await endOfTurn()

  t.is(sink.systemCalls, 1)
  t.deepEqual(bodiesIn(sink.take()), sent)
})

test('the queue counts what waits here and what the socket holds', (t) => {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)
  sink.writableLength = 1000

  writer.frame(Buffer.alloc(10))
  writer.frame(Buffer.alloc(20_000))

  t.is(writer.queuedBytes, 1000 + 14 + 20_004)
  writer.flush()
  t.is(writer.queuedBytes, 1000)
})

test('an ended writer writes nothing more', async (t) => {
  const sink = new MemorySink()
  const writer = new FrameWriter(sink)

  writer.frame(Buffer.from('lost'))
  writer.end()
  await endOfTurn()

  t.is(sink.writes.length, 0)
})
