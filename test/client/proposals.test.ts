import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { asIndex } from '../../src/base/ids.js'
import { Client } from '../../src/client.js'
import { eventually } from '../support/eventually.js'
import { FakeCluster } from '../support/fake-cluster.js'
import type { SeenProposal } from '../support/fake-cluster.js'

const texts = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, position) => `p${first + position}`)

const proposeAll = (
  client: Client,
  all: readonly string[],
  timeoutMs = 10_000,
): Promise<string>[] =>
  all.map(async (text) => {
    const { result } = await client.propose('orders', Buffer.from(text), { timeoutMs })
    return Buffer.from(result).toString()
  })

async function codeOf(promise: Promise<unknown>): Promise<[string, string]> {
  try {
    await promise
    return ['none', 'none']
  } catch (error) {
    return error instanceof ClustorError ? [error.code, error.outcome] : [String(error), '']
  }
}

test('proposals of one turn are pipelined, applied in order, and answered with index and result', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })

  const results = await Promise.all(proposeAll(client, texts(1, 2000)))
  const { index } = await client.propose('orders', Buffer.from('last'))

  t.deepEqual(results, texts(1, 2000))
  t.deepEqual(cluster.texts, [...texts(1, 2000), 'last'])
  t.is(index, cluster.entries.at(-1)!.index)
  t.is(new Set(cluster.seen.map(({ session }) => session)).size, 1)
  t.is(cluster.seen.at(-1)!.acknowledgedSequence, 2000)
  await client.close()
  await cluster.stop()
})

test('the leader is found by the hint of another node', async (t) => {
  const cluster = await FakeCluster.start(3)
  cluster.leader = 2
  const client = await Client.connect({ endpoints: [cluster.endpoints[0]!] })

  await Promise.all(proposeAll(client, texts(1, 3)))

  t.deepEqual([...new Set(cluster.seen.map(({ node }) => node))], [2])
  await client.close()
  await cluster.stop()
})

test('the leader is found by asking around when nobody names it', async (t) => {
  const cluster = await FakeCluster.start(3)
  cluster.leader = 2
  cluster.hints = false
  const client = await Client.connect({ endpoints: cluster.endpoints })

  await Promise.all(proposeAll(client, texts(1, 3)))

  t.deepEqual(cluster.texts, texts(1, 3))
  await client.close()
  await cluster.stop()
})

test('L06: proposals that a dying leader applied or lost are sent again to the next one, applied once and in order (client side)', async (t) => {
  const cluster = await FakeCluster.start(3)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  await Promise.all(proposeAll(client, texts(1, 3)))
  cluster.fate = ({ sequence }) => (sequence <= 6 ? 'apply' : 'lose')
  const promises = proposeAll(client, texts(4, 10))
  await eventually(() => cluster.seen.length === 10)

  cluster.fate = () => 'answer'
  cluster.leader = 1
  await cluster.nodes[0]!.stop()
  const results = await Promise.all(promises)

  t.deepEqual(results, texts(4, 10))
  t.deepEqual(cluster.texts, texts(1, 10))
  const again = cluster.seen.slice(10)
  t.deepEqual(
    again.map(({ sequence }) => sequence),
    [4, 5, 6, 7, 8, 9, 10],
  )
  t.deepEqual([...new Set(again.map(({ node }) => node))], [1])
  await client.close()
  await cluster.stop()
})

test('a leader that lost its office is left with everything that is unanswered', async (t) => {
  const cluster = await FakeCluster.start(2)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  await Promise.all(proposeAll(client, texts(1, 1)))
  cluster.fate = ({ sequence }) => {
    if (sequence < 4) return 'apply'
    cluster.fate = () => 'answer'
    cluster.leader = 1
    return new ClustorError('ERR_PROPOSAL_LOST', 'leadership changed', { outcome: 'unknown' })
  }

  await Promise.all(proposeAll(client, texts(2, 200)))

  t.deepEqual(cluster.texts, texts(1, 200))
  await client.close()
  await cluster.stop()
})

test('while no node leads, proposals wait and go on by themselves', async (t) => {
  const cluster = await FakeCluster.start(3)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  cluster.leader = -1
  const promises = proposeAll(client, texts(1, 5))
  await Promise.all(cluster.nodes.map((node) => node.hasClients(1)))

  cluster.leader = 2
  await Promise.all(promises)

  t.deepEqual(cluster.texts, texts(1, 5))
  await client.close()
  await cluster.stop()
})

test('a gap is closed by sending again from the first unanswered proposal on', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  let lost = false
  cluster.fate = ({ sequence }) => {
    if (sequence !== 3 || lost) return 'answer'
    lost = true
    return 'lose'
  }

  await Promise.all(proposeAll(client, texts(1, 10)))

  t.true(lost)
  t.deepEqual(cluster.texts, texts(1, 10))
  await client.close()
  await cluster.stop()
})

test('a busy leader is asked again', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  let refusals = 0
  cluster.fate = () =>
    refusals++ < 20 ? new ClustorError('ERR_BUSY', 'the queue is full') : 'answer'

  await Promise.all(proposeAll(client, texts(1, 10)))

  t.deepEqual(cluster.texts, texts(1, 10))
  await client.close()
  await cluster.stop()
})

test('L07: an expired session fails what was under way with outcome unknown; later proposals open another one (client side)', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  await Promise.all(proposeAll(client, texts(1, 2)))
  cluster.expireSessions()

  const failures = await Promise.all(proposeAll(client, texts(3, 5)).map(codeOf))
  await Promise.all(proposeAll(client, texts(6, 7)))

  t.deepEqual(failures, Array(3).fill(['ERR_SESSION_EXPIRED', 'unknown']))
  t.deepEqual(cluster.texts, [...texts(1, 2), ...texts(6, 7)])
  t.is(new Set(cluster.seen.map(({ session }) => session)).size, 2)
  t.deepEqual(
    cluster.seen.slice(-2).map(({ sequence }) => sequence),
    [1, 2],
  )
  await client.close()
  await cluster.stop()
})

test('a caller that gives up hears that the outcome is unknown, and its proposal keeps its place', async (t) => {
  const cluster = await FakeCluster.start(2)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  cluster.fate = ({ sequence }) => (sequence === 2 ? 'lose' : 'answer')
  const controller = new AbortController()

  await Promise.all(proposeAll(client, ['p1']))
  const late = client.propose('orders', Buffer.from('p2'), { timeoutMs: 1 })
  const given = client.propose('orders', Buffer.from('p3'), { signal: controller.signal })
  t.deepEqual(await codeOf(late), ['ERR_TIMEOUT', 'unknown'])
  controller.abort()
  t.deepEqual(await codeOf(given), ['ERR_ABORTED', 'unknown'])

  cluster.fate = () => 'answer'
  await Promise.all(proposeAll(client, ['p4']))
  t.deepEqual(cluster.texts, texts(1, 4))
  await client.close()
  await cluster.stop()
})

test('a proposal that was never sent is not applied when its caller gives up', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints, inflightProposalsMax: 2 })
  cluster.fate = () => 'lose'
  const held = proposeAll(client, texts(1, 2))
  await eventually(() => cluster.seen.length === 2)
  const controller = new AbortController()

  const waiting = client.propose('orders', Buffer.from('p3'), { timeoutMs: 1 })
  const given = client.propose('orders', Buffer.from('p4'), { signal: controller.signal })
  const last = proposeAll(client, ['p5'])
  t.deepEqual(await codeOf(waiting), ['ERR_TIMEOUT', 'not-applied'])
  controller.abort()
  t.deepEqual(await codeOf(given), ['ERR_ABORTED', 'not-applied'])

  cluster.fate = () => 'answer'
  await cluster.nodes[0]!.stop()
  await cluster.nodes[0]!.start()
  await Promise.all([...held, ...last])
  t.deepEqual(cluster.texts, ['p1', 'p2', 'p5'])
  await client.close()
  await cluster.stop()
})

test('no more proposals are under way than the window allows', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints, inflightProposalsMax: 8 })
  let widest = 0
  cluster.fate = ({ sequence, acknowledgedSequence }: SeenProposal) => {
    widest = Math.max(widest, sequence - acknowledgedSequence)
    return 'answer'
  }

  await Promise.all(proposeAll(client, texts(1, 500)))

  t.is(widest, 8)
  t.deepEqual(cluster.texts, texts(1, 500))
  await client.close()
  await cluster.stop()
})

test('a proposal that is too large is refused and leaves no gap', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })

  const before = proposeAll(client, texts(1, 2))
  const large = client.propose('orders', Buffer.alloc(100_001))
  const after = proposeAll(client, texts(3, 4))

  t.deepEqual(await codeOf(large), ['ERR_TOO_LARGE', 'not-applied'])
  await Promise.all([...before, ...after])
  t.deepEqual(cluster.texts, texts(1, 4))
  await client.close()
  await cluster.stop()
})

test('L06: a proposal whose entry another leader replaced is proposed again, in order', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  let lost = false
  cluster.fate = ({ sequence }) => {
    if (sequence !== 2 || lost) return 'answer'
    lost = true
    // What a node says that was deposed: where the entry stood, not that it was applied there.
    return new ClustorError('ERR_PROPOSAL_LOST', 'replaced', { fields: { index: 3, term: 1 } })
  }

  const answers = await Promise.all(proposeAll(client, texts(1, 5)))

  t.deepEqual(answers, ['p1', 'p2', 'p3', 'p4', 'p5'])
  t.deepEqual(cluster.texts, texts(1, 5))
  await client.close()
  await cluster.stop()
})

test('a result that cannot travel is an error of its proposal alone', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  cluster.fate = ({ sequence, session, acknowledgedSequence, text }) => {
    if (sequence !== 2) return 'answer'
    cluster.apply(Buffer.from(text), {
      session: asIndex(session),
      sequence,
      acknowledgedSequence,
    })
    return new ClustorError('ERR_INVALID_ARGUMENT', 'no bytes', {
      outcome: 'unknown',
      fields: { appliedIndex: 3 },
    })
  }

  const [one, two, three] = proposeAll(client, texts(1, 3))

  t.deepEqual(await codeOf(two!), ['ERR_INVALID_ARGUMENT', 'unknown'])
  t.deepEqual(await Promise.all([one, three]), ['p1', 'p3'])
  t.deepEqual(cluster.texts, texts(1, 3))
  await client.close()
  await cluster.stop()
})

test('more proposals than a client may hold are refused as busy', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints, inflightRequestsMax: 3 })

  const promises = proposeAll(client, texts(1, 4))

  t.deepEqual(await codeOf(promises[3]!), ['ERR_BUSY', 'not-applied'])
  await Promise.all(promises.slice(0, 3))
  t.deepEqual(cluster.texts, texts(1, 3))
  await client.close()
  await cluster.stop()
})

test('the bytes of a proposal may be used again as soon as the call returns', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  const bytes = Buffer.from('first')

  const promise = client.propose('orders', bytes)
  bytes.fill('x')
  await promise

  t.deepEqual(cluster.texts, ['first'])
  await client.close()
  await cluster.stop()
})

test('large proposals do not pile up in the socket, and all arrive', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints })
  const payload = Buffer.alloc(90_000, 'x')

  await Promise.all(Array.from({ length: 200 }, () => client.propose('orders', payload)))

  t.is(cluster.entries.length, 200)
  t.true(cluster.entries.every((entry) => payload.equals(entry.payload)))
  await client.close()
  await cluster.stop()
})

test('closing fails what is under way and tells how far it may have gone', async (t) => {
  const cluster = await FakeCluster.start(1)
  const client = await Client.connect({ endpoints: cluster.endpoints, inflightProposalsMax: 1 })
  cluster.fate = () => 'lose'
  const failures = proposeAll(client, texts(1, 2)).map(codeOf)
  await eventually(() => cluster.seen.length === 1)

  await client.close()

  t.deepEqual(await Promise.all(failures), [
    ['ERR_CLOSED', 'unknown'],
    ['ERR_CLOSED', 'not-applied'],
  ])
  t.deepEqual(await codeOf(client.propose('orders', Buffer.from('late'))), [
    'ERR_CLOSED',
    'not-applied',
  ])
  await cluster.nodes[0]!.hasClients(0)
  await cluster.stop()
})
