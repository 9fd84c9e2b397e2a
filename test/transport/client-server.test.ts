import test from 'ava'

import { asIndex } from '../../src/base/ids.js'
import {
  readAnswer,
  writeCancel,
  writeCredit,
  writeOpenChannel,
  writePropose,
  writeQuery,
  writeStatus,
  writeSubscribe,
} from '../../src/transport/client-codec.js'
import { decodeError, decodePlain } from '../../src/transport/control-codec.js'
import { frameTypes } from '../../src/transport/frame-types.js'
import { eventually } from '../support/eventually.js'
import { FakeCluster } from '../support/fake-cluster.js'
import type { FakeNode } from '../support/fake-cluster.js'
import { RawClient } from '../support/raw-client.js'

const refusedHellos = [
  { name: 'another cluster', hello: { cluster: 'c2' }, code: 'ERR_CLUSTER_MISMATCH' },
  {
    name: 'another protocol version',
    hello: { protocol: 3, protocolMin: 2 },
    code: 'ERR_VERSION_MISMATCH',
  },
  { name: 'a peer', hello: { purpose: 'peer' }, code: 'ERR_PROTOCOL' },
] as const

async function serving(
  options: Parameters<typeof FakeCluster.start>[1] = {},
): Promise<{ cluster: FakeCluster; node: FakeNode }> {
  const cluster = await FakeCluster.start(1, options)
  return { cluster, node: cluster.nodes[0]! }
}

for (const { name, hello, code } of refusedHellos) {
  test(`a node refuses ${name} with ${code}`, async (t) => {
    const { cluster, node } = await serving()
    const client = await RawClient.connect(node.address, hello)

    await eventually(() => client.ended || client.refusal !== null)

    t.is(client.refusal!.code, code)
    t.is(node.problems[0]!.code, code)
    client.socket.destroy()
    await cluster.stop()
  })
}

test('a frame over 4 MiB is refused by its length', async (t) => {
  const { cluster, node } = await serving()
  const client = await RawClient.connect(node.address)
  await eventually(() => client.bodies.length === 1)

  client.socket.write(Buffer.from([1, 0, 0x40, 0]))
  await eventually(() => client.refusal !== null)

  t.is(client.refusal!.code, 'ERR_FRAME_TOO_LARGE')
  client.socket.destroy()
  await cluster.stop()
})

test('requests on a channel that was not opened, and answers as requests, cost the connection', async (t) => {
  const { cluster, node } = await serving()
  const one = await RawClient.connect(node.address)
  const two = await RawClient.connect(node.address)

  writeQuery(one.writer, { channel: 3, request: 1 }, 'local', Buffer.from('?'))
  two.writer.frame(Buffer.alloc(16, frameTypes.answer))
  await eventually(() => one.refusal !== null && two.refusal !== null)

  t.deepEqual([one.refusal!.code, two.refusal!.code], ['ERR_PROTOCOL', 'ERR_PROTOCOL'])
  one.socket.destroy()
  two.socket.destroy()
  await cluster.stop()
})

test('a partition that the node does not hold is an error of the request, not of the connection', async (t) => {
  const { cluster, node } = await serving()
  const client = await RawClient.connect(node.address)

  writeOpenChannel(client.writer, 0, 'nowhere')
  writeQuery(client.writer, { channel: 0, request: 7 }, 'local', Buffer.from('?'))
  writeStatus(client.writer, { channel: 0, request: 8 }, 'node')
  await eventually(() => client.bodies.length === 3)

  t.is(decodeError(client.bodies[1]!, 8).code, 'ERR_PARTITION_UNKNOWN')
  t.is(client.bodies[1]!.readUInt32LE(4), 7)
  t.deepEqual(decodePlain(readAnswer(client.bodies[2]!).payload), { node: 'n0', leader: 0 })
  client.socket.destroy()
  await cluster.stop()
})

test('a proposal without a session is applied as often as it is sent', async (t) => {
  const { cluster, node } = await serving()
  const client = await RawClient.connect(node.address)

  writeOpenChannel(client.writer, 0, 'orders')
  for (const request of [1, 2]) {
    writePropose(client.writer, { channel: 0, request }, null, Buffer.from('again'))
  }
  await eventually(() => client.bodies.length === 3)

  t.deepEqual(cluster.texts, ['again', 'again'])
  client.socket.destroy()
  await cluster.stop()
})

test('a connection with too many requests under way is not read until some are answered', async (t) => {
  const { cluster, node } = await serving({ connectionRequestsMax: 10 })
  const replies: (() => void)[] = []
  node.query = (_request, _consistency, reply) => {
    replies.push(() => reply.answer(asIndex(1), new Uint8Array(0)))
  }
  const client = await RawClient.connect(node.address)

  writeOpenChannel(client.writer, 0, 'orders')
  for (let request = 0; request < 100; request++) {
    writeQuery(client.writer, { channel: 0, request }, 'local', Buffer.from('?'))
  }
  await eventually(() => replies.length === 10)
  for (let answered = 0; answered < 100; answered++) {
    t.true(replies.length - answered <= 10)
    replies[answered]!()
    await eventually(() => replies.length > answered + 1 || answered === 99)
  }
  await eventually(() => client.countOf(frameTypes.answer) === 100)

  t.is(replies.length, 100)
  client.socket.destroy()
  await cluster.stop()
})

test('a client that does not read its answers is not read either, and memory stays bounded', async (t) => {
  const { cluster, node } = await serving({ connectionBacklogBytesMax: 1024 * 1024 })
  const answer = Buffer.alloc(256 * 1024)
  let served = 0
  node.query = (_request, _consistency, reply) => {
    served += 1
    reply.answer(asIndex(1), answer)
  }
  const client = await RawClient.connect(node.address)
  await eventually(() => client.bodies.length === 1)
  client.socket.pause()

  writeOpenChannel(client.writer, 0, 'orders')
  for (let request = 0; request < 500; request++) {
    writeQuery(client.writer, { channel: 0, request }, 'local', Buffer.from('?'))
  }
  let before = -1
  await eventually(() => {
    const stands = served === before && served > 0
    before = served
    return stands
  })
  t.true(served < 250, `${served} answers were made for a client that reads none`)
  client.socket.resume()
  await eventually(() => client.countOf(frameTypes.answer) === 500)

  t.is(served, 500)
  client.socket.destroy()
  await cluster.stop()
})

test('more clients than allowed are told so', async (t) => {
  const { cluster, node } = await serving({ clientConnectionsMax: 1 })
  const first = await RawClient.connect(node.address)
  await eventually(() => first.bodies.length === 1)

  const second = await RawClient.connect(node.address)
  await eventually(() => second.refusal !== null)

  t.is(second.refusal!.code, 'ERR_BUSY')
  t.is(node.server!.connectionCount, 1)
  first.socket.destroy()
  second.socket.destroy()
  await cluster.stop()
})

test('a closing node tells its clients', async (t) => {
  const { cluster, node } = await serving()
  const client = await RawClient.connect(node.address)
  await eventually(() => client.bodies.length === 1)

  await cluster.stop()

  t.is(client.refusal!.code, 'ERR_CLOSED')
})

test('a subscription sends as much as its credit allows, and stops when it is cancelled', async (t) => {
  const { cluster, node } = await serving()
  for (let entry = 0; entry < 100; entry++) cluster.apply(Buffer.alloc(76), null)
  const client = await RawClient.connect(node.address)
  const tag = { channel: 0, request: 5 }
  const entries = (): number => client.countOf(frameTypes.entry)

  writeOpenChannel(client.writer, 0, 'orders')
  writeSubscribe(client.writer, tag, { fromIndex: asIndex(1), creditBytes: 1000 })
  await eventually(() => entries() === 10)
  writeCredit(client.writer, tag, 500)
  await eventually(() => entries() === 15)
  writeCancel(client.writer, tag)
  writeCredit(client.writer, tag, 10_000)
  writeStatus(client.writer, { channel: 0, request: 6 }, 'partition')
  await eventually(() => client.countOf(frameTypes.answer) === 1)

  t.is(entries(), 15)
  client.socket.destroy()
  await cluster.stop()
})
