import test from 'ava'

import { answered, readTexts, readsEnded } from './attempts.js'
import { SimulatedCluster } from './simulated-cluster.js'

async function silent(seed: number): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(seed, 3, {}, { options: { quiesceMs: 500 } })
  await cluster.elect(1)
  await answered(cluster, cluster.propose(1, 'before'))
  await cluster.until('silence', () => [1, 2, 3].every((id) => cluster.status(id).quiesced))
  return cluster
}

test('a silent partition elects nobody for as long as nothing happens, and answers at once when something does', async (t) => {
  const cluster = await silent(1)
  const { term } = cluster.status(1)
  await cluster.steps(1_000)
  t.like(cluster.status(1), { role: 'leader', term, quiesced: true })

  const start = cluster.stepCount
  await answered(cluster, cluster.propose(1, 'after'))

  t.true(cluster.stepCount - start <= 5)
  t.like(cluster.status(1), { role: 'leader', term, quiesced: false })
  await cluster.closeAll()
})

test('a request at a follower of a silent partition, whose leader is gone, brings a leader', async (t) => {
  const cluster = await silent(2)
  cluster.kill(1)
  await cluster.steps(200)
  t.is(cluster.leader(), null)

  const read = readTexts(cluster, 2)
  await readsEnded(cluster, read)
  t.is(read.error?.code, 'ERR_NOT_LEADER')
  await cluster.until('a leader', () => cluster.leader() !== null, 120)

  await answered(cluster, cluster.propose(cluster.leader() ?? 0, 'after'))
  t.deepEqual(cluster.node(2).machine.texts[0], 'before')
  await cluster.closeAll()
})
