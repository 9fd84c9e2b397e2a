import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { Client } from '../../src/client.js'
import { FakeCluster } from '../support/fake-cluster.js'

const nobody = '127.0.0.1:1'

test('connecting ends when every endpoint was tried in vain', async (t) => {
  const error = await t.throwsAsync(Client.connect({ endpoints: [nobody, '127.0.0.1:2'] }), {
    instanceOf: ClustorError,
    code: 'ERR_UNAVAILABLE',
  })

  t.true(error.message.includes(nobody))
})

test('one endpoint that answers is enough', async (t) => {
  const cluster = await FakeCluster.start(1)

  await using client = await Client.connect({
    endpoints: [nobody, ...cluster.endpoints, '127.0.0.1:2'],
  })

  t.truthy(await client.status())
  await client.close()
  await cluster.stop()
})

test('a cluster of another name is refused by code', async (t) => {
  const cluster = await FakeCluster.start(1)

  await t.throwsAsync(Client.connect({ endpoints: cluster.endpoints, cluster: 'c2' }), {
    code: 'ERR_CLUSTER_MISMATCH',
  })
  await using client = await Client.connect({ endpoints: cluster.endpoints, cluster: 'c1' })

  t.truthy(client)
  await client.close()
  await cluster.stop()
})

test('a signal ends connecting', async (t) => {
  const signal = AbortSignal.abort()

  await t.throwsAsync(Client.connect({ endpoints: [nobody], signal }), { code: 'ERR_ABORTED' })
})

const refusedOptions = [
  { name: 'no endpoint', options: { endpoints: [] }, message: /endpoints is empty/ },
  { name: 'an endpoint without port', options: { endpoints: ['localhost'] }, message: /localhost/ },
  {
    name: 'an unknown option',
    options: { endpoints: [nobody], requestTimeoutMS: 5 },
    message: /requestTimeoutMs/,
  },
  {
    name: 'a value out of bounds',
    options: { endpoints: [nobody], retryMsMin: -1 },
    message: /retryMsMin/,
  },
]

for (const { name, options, message } of refusedOptions) {
  test(`${name} is refused, naming it`, async (t) => {
    await t.throwsAsync(Client.connect(options), { code: 'ERR_INVALID_ARGUMENT', message })
  })
}

test('closing twice is closing once, and a closed client refuses every call', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })

  await Promise.all([client.close(), client.close()])

  await t.throwsAsync(client.status(), { code: 'ERR_CLOSED' })
  await t.throwsAsync(client.query('orders', Buffer.of(1)), { code: 'ERR_CLOSED' })
  t.throws(() => client.subscribe('orders'), { code: 'ERR_CLOSED' })
  await cluster.stop()
})
