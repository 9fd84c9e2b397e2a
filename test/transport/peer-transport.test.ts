import net from 'node:net'
import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import { FrameWriter } from '../../src/transport/frame-writer.js'
import { encodeGreeting } from '../../src/transport/handshake.js'
import { eventually } from '../support/eventually.js'
import { ManualTimers } from '../support/manual-timers.js'
import {
  addressOf,
  introduce,
  isConnected,
  join,
  openAdmission,
  startNode,
  testPartition,
} from '../support/peer-network.js'
import type { TestNode } from '../support/peer-network.js'
import { appendOf, heartbeatOf } from '../support/raft-messages.js'

const fromOneToTwo = { from: 1, to: 2 }
const fromTwoToOne = { from: 2, to: 1 }

async function twoNodes(timers?: ManualTimers): Promise<[TestNode, TestNode]> {
  const options = timers === undefined ? {} : { timers }
  const nodes: [TestNode, TestNode] = [await startNode(1, options), await startNode(2, options)]
  join(...nodes)
  await eventually(() => nodes.every(bothWaysUp), 'both connected')
  return nodes
}

const bothWaysUp = (node: TestNode): boolean => node.transport.status()[0]?.connects === 2

const contextsOf = (node: TestNode): unknown[] =>
  node.received.map(({ message }) => message.kind === 'heartbeat' && message.context)

const closeAll = async (...nodes: TestNode[]): Promise<void> => {
  await Promise.all(nodes.map((node) => node.transport.close()))
}

test('messages travel in both directions, in order, with their frames', async (t) => {
  const [one, two] = await twoNodes()
  const append = appendOf(4, [Buffer.from('a'), Buffer.alloc(300_000, 1)])

  for (let context = 1; context <= 100; context++) one.link.send(heartbeatOf(context, fromOneToTwo))
  one.link.send(append)
  two.link.send(heartbeatOf(7, fromTwoToOne))
  await eventually(() => two.received.length === 101 && one.received.length === 1)

  t.deepEqual(
    contextsOf(two).slice(0, 100),
    [...Array(100).keys()].map((n) => n + 1),
  )
  t.deepEqual(two.received[100]!.message, append.message)
  t.true(Buffer.from(append.frames!).equals(two.received[100]!.frames!))
  t.deepEqual(contextsOf(one), [7])
  const status = one.transport.status()[0]!
  t.is(status.sentMessages, 101)
  t.is(status.receivedMessages, 1)
  await closeAll(one, two)
})

test('one connection that the other side dialed is enough to send', async (t) => {
  const one = await startNode(1)
  const two = await startNode(2)
  introduce(two, addressOf(one))
  introduce(one, { replica: 2, address: '127.0.0.1:1' })
  await eventually(() => isConnected(one) && isConnected(two))

  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => two.received.length === 1)

  t.is(one.unreachable.length, 0)
  await closeAll(one, two)
})

test('a message without a connection is dropped and reported, on a later microtask', async (t) => {
  const one = await startNode(1)
  introduce(one, { replica: 2, address: '127.0.0.1:1' })

  one.link.send(heartbeatOf(1, fromOneToTwo))
  one.link.send(heartbeatOf(2, fromOneToTwo))
  t.deepEqual(one.unreachable, [])
  await Promise.resolve()

  t.deepEqual(one.unreachable, [2])
  t.is(one.transport.status()[0]!.droppedMessages, 2)
  await closeAll(one)
})

test('a full queue drops what does not fit and reports it', async (t) => {
  const one = await startNode(1, { options: { sendQueueBytesMax: 64 * 1024 } })
  const two = await startNode(2)
  join(one, two)
  await eventually(() => isConnected(one))

  one.link.send(appendOf(0, [Buffer.alloc(40_000)]))
  one.link.send(appendOf(1, [Buffer.alloc(40_000)]))
  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => two.received.length === 2)

  t.deepEqual(
    two.received.map(({ message }) => message.kind),
    ['append-entries', 'heartbeat'],
  )
  t.deepEqual(one.unreachable, [2])
  await closeAll(one, two)
})

test('a cut connection is reported at once', async (t) => {
  const [one, two] = await twoNodes(new ManualTimers())

  await two.transport.close()
  await eventually(() => !isConnected(one))

  t.deepEqual(one.unreachable, [2])
  t.is(one.transport.status()[0]!.lastError!.code, 'ERR_CONNECTION_LOST')
  await closeAll(one)
})

test('a restarted peer is connected without any pause: it dials, and is dialed back', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)
  const { address } = two.transport
  await two.transport.close()
  await eventually(() => one.transport.status()[0]!.state === 'waiting')

  const again = await startNode(2, { timers, listen: address })
  introduce(again, addressOf(one))
  await eventually(() => one.transport.status()[0]!.connects === 4, 'both ways up again')
  one.link.send(heartbeatOf(9, fromOneToTwo))
  await eventually(() => again.received.length === 1)

  t.is(timers.now(), 0)
  await closeAll(one, again)
})

test('a peer that is not there is tried again after pauses that grow', async (t) => {
  const timers = new ManualTimers()
  const one = await startNode(1, { timers, options: { reconnectMsMin: 100, reconnectMsMax: 400 } })
  const waiting = (): boolean => one.transport.status()[0]!.state === 'waiting'
  introduce(one, { replica: 2, address: '127.0.0.1:1' })

  for (const [atLeastMs, atMostMs] of [
    [50, 100],
    [100, 200],
    [200, 400],
    [200, 400],
  ] as const) {
    await eventually(waiting)
    timers.advance(atLeastMs - 1)
    t.true(waiting())
    timers.advance(atMostMs - atLeastMs + 1)
    t.false(waiting())
  }
  t.is(one.problems.length, 1, 'a problem that lasts is told once')
  await closeAll(one)
})

test('a silent peer counts as lost', async (t) => {
  const timers = new ManualTimers()
  const mute = net.createServer()
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
  const { port } = mute.address() as net.AddressInfo
  const sockets: net.Socket[] = []
  mute.on('connection', (socket) => {
    sockets.push(socket)
    socket.once('data', () => welcome(socket))
  })
  const one = await startNode(1, { timers, options: { peerSilenceMsMax: 4_000 } })
  introduce(one, { replica: 2, address: `127.0.0.1:${port}` })
  await eventually(() => isConnected(one))

  timers.advance(4_000)
  t.true(isConnected(one))
  timers.advance(1_000)

  t.false(isConnected(one))
  t.deepEqual(
    one.problems.map(({ code }) => code),
    ['ERR_CONNECTION_LOST'],
  )
  for (const socket of sockets) socket.destroy()
  mute.close()
  await closeAll(one)
})

test('pings keep an idle connection alive', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)
  for (let check = 0; check < 12; check++) {
    const before = received(one) + received(two)
    timers.advance(750)
    if (check % 3 === 2) await eventually(() => received(one) + received(two) > before)
  }

  t.true(isConnected(one) && isConnected(two))
  t.deepEqual([...one.problems, ...two.problems], [])
  await closeAll(one, two)
})

const received = (node: TestNode): number => node.transport.status()[0]!.receivedBytes

test('a partition that the peer does not hold is refused, reported, and found when it comes', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)
  two.link.detach()

  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => one.unreachable.length === 1)
  t.is(one.transport.status()[0]!.lastError!.code, 'ERR_PARTITION_UNKNOWN')
  t.true(isConnected(one), 'other partitions go on')

  const late: number[] = []
  two.transport.attach(
    testPartition,
    ({ message }) => late.push(message.kind === 'heartbeat' ? message.context : 0),
    () => undefined,
    openAdmission,
  )
  timers.advance(20)
  one.link.send(heartbeatOf(2, fromOneToTwo))
  await eventually(() => late.length === 1)

  t.deepEqual(late, [2])
  await closeAll(one, two)
})

test('a partition of the same name and another id is refused', async (t) => {
  const [one, two] = await twoNodes(new ManualTimers())
  two.link.detach()
  two.transport.attach(
    { name: testPartition.name, id: 'made anew' },
    () => t.fail(),
    () => undefined,
    openAdmission,
  )

  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => one.unreachable.length === 1)

  t.is(one.transport.status()[0]!.lastError!.code, 'ERR_PARTITION_UNKNOWN')
  await closeAll(one, two)
})

test('a peer that is not admitted is refused by code, heard by nobody, and let in when it is', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)
  const heard: unknown[] = []
  let isClosed = true
  two.link.detach()
  two.transport.attach(
    testPartition,
    ({ message }) => two.received.push({ message, frames: null }),
    () => undefined,
    {
      greeting: () => ({ epoch: 2, incarnation: 3, known: 0 }),
      admit: (replica, greeting) => {
        heard.push({ replica, ...greeting })
        if (isClosed) throw new ClustorError('ERR_EPOCH_MISMATCH', 'of another epoch')
        return undefined
      },
    },
  )

  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => one.unreachable.length === 1)

  for (const { transport } of [one, two]) {
    t.is(transport.status()[0]!.lastError!.code, 'ERR_EPOCH_MISMATCH')
  }
  t.deepEqual(two.received, [])
  t.deepEqual(heard, [{ replica: 1, epoch: 1, incarnation: 1, known: 0 }])

  isClosed = false
  timers.advance(20)
  one.link.send(heartbeatOf(2, fromOneToTwo))
  await eventually(() => two.received.length === 1)

  await closeAll(one, two)
})

test('a peer whose channel is to be opened again is refused, opens it, and is admitted anew', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)
  const admitted: number[] = []
  two.link.detach()
  two.link = two.transport.attach(
    testPartition,
    ({ message }) => two.received.push({ message, frames: null }),
    () => undefined,
    {
      ...openAdmission,
      admit: (replica) => {
        admitted.push(replica)
        return undefined
      },
    },
  )
  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => two.received.length === 1)

  two.link.reopen(asReplica(1))
  await eventually(() => one.unreachable.length === 1)
  timers.advance(20)
  one.link.send(heartbeatOf(2, fromOneToTwo))
  await eventually(() => two.received.length === 2)

  t.deepEqual(admitted, [1, 1])
  await closeAll(one, two)
})

test('what a peer sends while it is being admitted waits, in order and bounded, or is dropped with it', async (t) => {
  for (const isAdmitted of [true, false]) {
    const timers = new ManualTimers()
    const [one, two] = await twoNodes(timers)
    let decide = (): void => undefined
    const admitted = new Promise<void>((resolve, reject) => {
      const refusal = new ClustorError('ERR_DISK_FULL', 'no space to remember the peer')
      decide = isAdmitted ? resolve : () => reject(refusal)
    })
    two.link.detach()
    two.transport.attach(
      testPartition,
      ({ message }) => two.received.push({ message, frames: null }),
      () => undefined,
      { ...openAdmission, admit: () => admitted },
    )
    const count = (): number => two.transport.status()[0]!.receivedMessages
    const bytesBefore = received(two)

    for (let context = 1; context <= 20; context++) {
      one.link.send(heartbeatOf(context, fromOneToTwo))
    }
    await eventually(() => received(two) >= bytesBefore + 20 * 32)
    t.is(count(), 0)
    decide()

    if (isAdmitted) {
      await eventually(() => two.received.length === 16)
      t.deepEqual(
        contextsOf(two),
        [...Array(16).keys()].map((n) => n + 1),
      )
      one.link.send(heartbeatOf(21, fromOneToTwo))
      await eventually(() => two.received.length === 17)
    } else {
      await eventually(() => one.unreachable.length === 1)
      t.is(one.transport.status()[0]!.lastError!.code, 'ERR_DISK_FULL')
      t.deepEqual(two.received, [])
    }
    await closeAll(one, two)
  }
})

test('a detached partition hears nothing more and sends nothing', async (t) => {
  const [one, two] = await twoNodes(new ManualTimers())
  one.link.send(heartbeatOf(1, fromOneToTwo))
  await eventually(() => two.received.length === 1)

  two.link.detach()
  two.link.send(heartbeatOf(1, fromTwoToOne))
  one.link.send(heartbeatOf(2, fromOneToTwo))
  await eventually(() => one.unreachable.length === 1)

  t.is(two.received.length, 1)
  t.is(one.received.length, 0)
  await closeAll(one, two)
})

test('an append whose frames do not verify costs the connection and is counted', async (t) => {
  const [one, two] = await twoNodes(new ManualTimers())
  const { message, frames } = appendOf(4, [Buffer.from('payload')])
  const flipped = Buffer.from(frames!)
  flipped[35]! ^= 1

  one.link.send({ message, frames: flipped })
  await eventually(() => one.unreachable.length === 1)

  t.is(one.transport.status()[0]!.lastError!.code, 'ERR_FRAME_CORRUPT')
  t.is(two.transport.status()[0]!.corruptMessages, 1)
  t.deepEqual(two.received, [])
  await closeAll(one, two)
})

test('closing ends every connection and timer, and refuses further use', async (t) => {
  const timers = new ManualTimers()
  const [one, two] = await twoNodes(timers)

  await closeAll(one, two)

  t.is(timers.waitingCount, 0)
  t.throws(() => one.transport.attach({ name: 'x', id: 'x' }, ignore, ignore, openAdmission), {
    code: 'ERR_CLOSED',
  })
  one.link.send(heartbeatOf(1, fromOneToTwo))
  await Promise.resolve()
  t.deepEqual(two.received, [])
})

test('an address in use is an error with its cause', async (t) => {
  const one = await startNode(1)

  const error = await t.throwsAsync(startNode(2, { listen: one.transport.address }), {
    code: 'ERR_IO',
  })

  t.true(error.message.includes(one.transport.address))
  await closeAll(one)
})

const ignore = (): void => undefined

function welcome(socket: net.Socket): void {
  const writer = new FrameWriter(socket)
  writer.frame(encodeGreeting('welcome', { cluster: 'c1', node: 'n2', replica: 2, protocol: 1 }))
  writer.flush()
}
