import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { Client } from '../../src/client.js'
import { collect } from '../support/collect.js'
import { eventually } from '../support/eventually.js'
import { FakeCluster } from '../support/fake-cluster.js'

function fill(cluster: FakeCluster, count: number, payloadBytes = 10): void {
  for (let entry = 0; entry < count; entry++) cluster.apply(Buffer.alloc(payloadBytes), null)
}

test('a subscription delivers what is there and what comes, in order', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  fill(cluster, 30)
  const indexes: number[] = []

  for await (const { index } of client.subscribe('orders', { from: 11 })) {
    indexes.push(index)
    if (index === 30) fill(cluster, 5)
    if (index === 35) break
  }

  t.deepEqual(
    indexes,
    Array.from({ length: 25 }, (_, position) => position + 11),
  )
  await client.close()
  await cluster.stop()
})

test('L09: a subscription goes on over lost connections without gap or repetition', async (t) => {
  const cluster = await FakeCluster.start(2)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  fill(cluster, 50)
  const indexes: number[] = []

  for await (const { index } of client.subscribe('orders')) {
    indexes.push(index)
    if (index % 10 === 0) await restartServingNode(cluster)
    if (index === 50) fill(cluster, 5)
    if (index === 55) break
  }

  t.deepEqual(
    indexes,
    Array.from({ length: 55 }, (_, position) => position + 1),
  )
  await client.close()
  await cluster.stop()
})

test('L09: a slow consumer holds the node back and loses nothing', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  fill(cluster, 1000, 10_000)
  const node = cluster.nodes[0]!
  let pages = 0
  const subscribe = node.subscribe.bind(node)
  node.subscribe = async function* (from, signal) {
    for await (const page of subscribe(from, signal)) {
      pages += 1
      yield page
    }
  }

  const entries = client.subscribe('orders')
  await entries.next()
  await eventually(() => pages >= 10)
  await client.status()
  t.true(pages < 15, 'about 1 MiB is on its way')
  for (let index = 2; index <= 1000; index++) {
    const { value } = await entries.next()
    t.is(Number(value?.index), index)
  }
  await entries.return()
  await client.close()
  await cluster.stop()
})

test('entries that are gone end a subscription by code', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  cluster.nodes[0]!.subscribe = () => {
    throw new ClustorError('ERR_INDEX_COMPACTED', 'the log begins at 100')
  }

  const first = client.subscribe('orders').next()

  await t.throwsAsync(first, { code: 'ERR_INDEX_COMPACTED' })
  await client.close()
  await cluster.stop()
})

test('a signal, a consumer that stops and a closed client each end a subscription', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  let running = 0
  const node = cluster.nodes[0]!
  const subscribe = node.subscribe.bind(node)
  node.subscribe = async function* (from, signal) {
    running += 1
    try {
      yield* subscribe(from, signal)
    } finally {
      running -= 1
    }
  }
  fill(cluster, 1)
  const controller = new AbortController()
  const byAbort = client.subscribe('orders', { signal: controller.signal })
  const stopped = client.subscribe('orders')
  const closed = client.subscribe('orders')
  const abortedAt = collect(byAbort)
  await stopped.next()
  await closed.next()
  await eventually(() => running === 3)

  controller.abort()
  await t.throwsAsync(abortedAt, { code: 'ERR_ABORTED' })
  await stopped.return()
  await eventually(() => running === 1)
  const waiting = closed.next()
  await client.close()
  await t.throwsAsync(waiting, { code: 'ERR_CLOSED' })
  await eventually(() => running === 0)
  await cluster.stop()
})

async function restartServingNode(cluster: FakeCluster): Promise<void> {
  const serving = cluster.nodes.find(({ server }) => server!.connectionCount > 0)
  await serving?.stop()
  await serving?.start()
}
