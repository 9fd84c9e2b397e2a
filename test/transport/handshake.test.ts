import net from 'node:net'
import test from 'ava'

import type { ErrorCode } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import { decodeError } from '../../src/transport/control-codec.js'
import { FrameReader } from '../../src/transport/frame-reader.js'
import { FrameWriter } from '../../src/transport/frame-writer.js'
import { frameTypes } from '../../src/transport/frame-types.js'
import { encodeGreeting } from '../../src/transport/handshake.js'
import type { PeerTransportOptions } from '../../src/transport/peer-transport.js'
import { eventually } from '../support/eventually.js'
import { ManualTimers } from '../support/manual-timers.js'
import { addressOf, introduce, startNode } from '../support/peer-network.js'

const goodHello = {
  protocol: 1,
  protocolMin: 1,
  purpose: 'peer',
  cluster: 'c1',
  node: 'n2',
  replica: 2,
  to: 1,
}

const refusedHellos: { name: string; change: Record<string, unknown>; code: ErrorCode }[] = [
  { name: 'another cluster', change: { cluster: 'c2' }, code: 'ERR_CLUSTER_MISMATCH' },
  {
    name: 'a later protocol',
    change: { protocol: 9, protocolMin: 2 },
    code: 'ERR_VERSION_MISMATCH',
  },
  {
    name: 'an earlier protocol',
    change: { protocol: 0, protocolMin: 0 },
    code: 'ERR_VERSION_MISMATCH',
  },
  {
    name: 'somebody who looks for another replica',
    change: { to: 3 },
    code: 'ERR_REPLICA_MISMATCH',
  },
  { name: 'a replica that is no peer', change: { replica: 9 }, code: 'ERR_REPLICA_MISMATCH' },
  { name: 'a replica under another name', change: { node: 'n9' }, code: 'ERR_REPLICA_MISMATCH' },
  { name: 'a client', change: { purpose: 'client' }, code: 'ERR_PROTOCOL' },
  { name: 'a hello that lacks a key', change: { to: null }, code: 'ERR_PROTOCOL' },
]

for (const { name, change, code } of refusedHellos) {
  test(`the listener refuses ${name} with ${code}, and tells the dialer`, async (t) => {
    const one = await startNode(1, { timers: new ManualTimers() })
    introduce(one, { replica: 2, address: '127.0.0.1:1' })

    const refusal = await refusalTo(
      one.transport.address,
      encodeGreeting('hello', { ...goodHello, ...change }),
    )

    t.is(refusal, code)
    t.true(one.problems.some((problem) => problem.code === code))
    await one.transport.close()
  })
}

test('the listener refuses a message before the handshake', async (t) => {
  const one = await startNode(1)

  t.is(
    await refusalTo(one.transport.address, Buffer.alloc(28, frameTypes.heartbeat)),
    'ERR_PROTOCOL',
  )
  await one.transport.close()
})

test('the listener refuses a large frame before the handshake by its length', async (t) => {
  const one = await startNode(1)

  t.is(await refusalTo(one.transport.address, Buffer.alloc(65_537, 1)), 'ERR_FRAME_TOO_LARGE')
  await one.transport.close()
})

test('a dialer that says nothing is refused when its time is over', async (t) => {
  const timers = new ManualTimers()
  const one = await startNode(1, { timers })
  const refused = refusalTo(one.transport.address, null)
  await eventually(() => timers.waitingCount === 2)

  timers.advance(2_000)

  t.is(await refused, 'ERR_TIMEOUT')
  await one.transport.close()
})

const wrongNodes: { name: string; change: Partial<PeerTransportOptions>; code: ErrorCode }[] = [
  { name: 'of another cluster', change: { cluster: 'c2' }, code: 'ERR_CLUSTER_MISMATCH' },
  {
    name: 'of another replica id',
    change: { replica: asReplica(3) },
    code: 'ERR_REPLICA_MISMATCH',
  },
]

for (const { name, change, code } of wrongNodes) {
  test(`both sides of a connection to a node ${name} say ${code}`, async (t) => {
    const timers = new ManualTimers()
    const one = await startNode(1, { timers })
    const other = await startNode(2, { timers, ...change })
    introduce(one, addressOf(other))

    await eventually(() => one.problems.length > 0 && other.problems.length > 0)

    t.deepEqual([one.problems[0]!.code, other.problems[0]!.code], [code, code])
    t.is(one.transport.status()[0]!.state, 'waiting')
    await Promise.all([one.transport.close(), other.transport.close()])
  })
}

const refusedWelcomes: { name: string; change: Record<string, unknown>; code: ErrorCode }[] = [
  { name: 'of another cluster', change: { cluster: 'c2' }, code: 'ERR_CLUSTER_MISMATCH' },
  { name: 'of another replica', change: { replica: 3 }, code: 'ERR_REPLICA_MISMATCH' },
  { name: 'of another version', change: { protocol: 2 }, code: 'ERR_VERSION_MISMATCH' },
]

for (const { name, change, code } of refusedWelcomes) {
  test(`the dialer refuses a welcome ${name} with ${code}`, async (t) => {
    const welcome = { protocol: 1, cluster: 'c1', node: 'n2', replica: 2, ...change }
    const told: ErrorCode[] = []
    const server = net.createServer((socket) => {
      const writer = new FrameWriter(socket)
      const reader = new FrameReader(65_536, (body) => {
        if (body[0] === frameTypes.refusal) told.push(decodeError(body, 1).code)
        else writer.frame(encodeGreeting('welcome', welcome))
      })
      socket.on('data', (chunk: Buffer) => reader.push(chunk))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const one = await startNode(1, { timers: new ManualTimers() })
    introduce(one, { replica: 2, address: `127.0.0.1:${port}` })

    await eventually(() => told.length === 1)

    t.deepEqual(told, [code])
    t.is(one.problems[0]!.code, code)
    await one.transport.close()
    server.close()
  })
}

/** Sends a body to a listener and waits for the code with which it refuses. */
function refusalTo(address: string, body: Buffer | null): Promise<ErrorCode> {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: host!, port: Number(port) }, () => {
      if (body !== null) new FrameWriter(socket).frame(body)
    })
    const reader = new FrameReader(65_536, (answer) => {
      socket.destroy()
      resolve(decodeError(answer, 1).code)
    })
    socket.on('data', (chunk: Buffer) => reader.push(chunk))
    socket.on('error', reject)
  })
}
