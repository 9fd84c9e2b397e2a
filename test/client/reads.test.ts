import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { Client } from '../../src/client.js'
import { collect } from '../support/collect.js'
import { eventually } from '../support/eventually.js'
import { FakeCluster } from '../support/fake-cluster.js'
import type { FakeMachine } from '../support/fake-cluster.js'
import { keyValueMachine } from '../support/key-value-fake.js'

const question = Buffer.from('?')

test('a linearizable query goes to the leader, a local one to any endpoint', async (t) => {
  const cluster = await FakeCluster.start(2)
  cluster.leader = 1
  const client = await Client.connect({ endpoints: [cluster.endpoints[0]!] })

  const linearizable = await client.query('orders', question)
  const local = await client.query('orders', question, { consistency: 'local' })

  t.deepEqual([linearizable, local].map(String), ['?', '?'])
  t.deepEqual(
    cluster.nodes.map(({ queries }) => queries),
    [2, 1],
    'the follower refused one and answered one',
  )
  await client.close()
  await cluster.stop()
})

test('queries survive the loss of a node', async (t) => {
  const cluster = await FakeCluster.start(2)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  let held = 0
  cluster.nodes[0]!.query = () => (held += 1)

  const answers = Array.from({ length: 10 }, () => client.query('orders', question))
  await eventually(() => held === 10)
  cluster.leader = 1
  await cluster.nodes[0]!.stop()

  t.deepEqual((await Promise.all(answers)).map(String), Array(10).fill('?'))
  await client.close()
  await cluster.stop()
})

test('what a state machine refuses reaches the caller at once', async (t) => {
  const refusal = new ClustorError('ERR_INVALID_ARGUMENT', 'no such question')
  const machine: FakeMachine = {
    apply: (payload) => payload,
    query: () => {
      throw refusal
    },
  }
  const cluster = await FakeCluster.start(1, { machine })
  const client = await Client.connect({ endpoints: cluster.endpoints })

  await t.throwsAsync(client.query('orders', question), {
    code: 'ERR_INVALID_ARGUMENT',
    message: 'no such question',
  })

  t.is(cluster.nodes[0]!.queries, 1)
  await client.close()
  await cluster.stop()
})

test('a query ends at its deadline and says what stood in the way', async (t) => {
  const cluster = await FakeCluster.start(1)
  cluster.leader = -1
  const client = await Client.connect({ endpoints: cluster.endpoints })

  const error = await t.throwsAsync(client.query('orders', question, { timeoutMs: 1_000 }), {
    instanceOf: ClustorError,
    code: 'ERR_TIMEOUT',
  })

  t.is((error.cause as ClustorError).code, 'ERR_NOT_LEADER')
  await client.close()
  await cluster.stop()
})

test('a query ends with its signal', async (t) => {
  const cluster = await FakeCluster.start(1)
  cluster.leader = -1
  const client = await Client.connect({ endpoints: cluster.endpoints })
  const controller = new AbortController()
  const { signal } = controller

  const answer = client.query('orders', question, { signal })
  controller.abort()

  await t.throwsAsync(answer, { code: 'ERR_ABORTED' })
  await t.throwsAsync(client.query('orders', question, { signal }), { code: 'ERR_ABORTED' })
  await client.close()
  await cluster.stop()
})

test('status comes from an endpoint, of the node or of a partition', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })

  t.deepEqual(await client.status(), { node: 'n0', leader: 0 })
  t.deepEqual(await client.status({ partition: 'orders' }), { node: 'n0', leader: 0 })
  await t.throwsAsync(client.status({ partition: 'nowhere', timeoutMs: 1_000 }), {
    code: 'ERR_TIMEOUT',
    message: /nowhere/,
  })
  await client.close()
  await cluster.stop()
})

test('the key-value calls do what they say', async (t) => {
  const { cluster, client } = await keyValueCluster()
  const store = client.keyValue('orders')

  const put = await store.put('a', 'one')
  t.deepEqual(await store.get('a'), { key: 'a', value: Buffer.from('one'), version: put.version })
  t.is(await store.get('b', { consistency: 'local' }), null)

  const refused = await store.compareAndSet('a', 999, 'two')
  t.is(refused.outcome, 'version-differs')
  const swapped = await store.compareAndSet('a', put.version, Buffer.from('two'))
  t.deepEqual([swapped.outcome, swapped.previousVersion], ['done', put.version])
  t.is((await store.compareAndSet('a', swapped.version, null)).version, 0)
  t.is((await store.delete('a')).previousVersion, 0)
  await t.throwsAsync(async () => store.put('k'.repeat(2000), 'x'), { code: 'ERR_TOO_LARGE' })
  await client.close()
  await cluster.stop()
})

test('a scan goes on page by page to the end, or to its limit', async (t) => {
  const { cluster, client } = await keyValueCluster()
  const store = client.keyValue('orders')
  const keys = Array.from({ length: 50 }, (_, row) => `k/${String(row).padStart(3, '0')}`)
  const value = Buffer.alloc(90_000)
  await Promise.all([...keys, 'other'].map((key) => store.put(key, value)))

  const all = await collect(store.scan({ prefix: 'k/' }))
  const some = await collect(store.scan({ from: 'k/010' }, { limit: 30 }))

  t.deepEqual(
    all.map(({ key }) => key),
    keys,
  )
  t.deepEqual(
    some.map(({ key }) => key),
    keys.slice(10, 40),
  )
  t.is(await store.count({ prefix: 'k/' }), 50)
  t.true(cluster.nodes[0]!.queries > 4, 'one answer does not hold the rows')
  await client.close()
  await cluster.stop()
})

async function keyValueCluster(): Promise<{ cluster: FakeCluster; client: Client }> {
  const cluster = await FakeCluster.start(1, { machine: keyValueMachine() })
  return { cluster, client: await Client.connect({ endpoints: cluster.endpoints }) }
}
