import test from 'ava'

import { answered, readTexts, readsEnded } from './attempts.js'
import { SimulatedCluster, settle } from './simulated-cluster.js'

const simple = (incoming: readonly number[]): object => ({ incoming, outgoing: [], learners: [] })

test('M14: a follower that hangs, and is not dead, does not hold up a change', async (t) => {
  const cluster = new SimulatedCluster(1, 5, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)
  cluster.pause(3)

  const changed = cluster.change(1, 'v4 v5 r2')
  const behind = cluster.propose(1, 'behind it')
  await answered(cluster, changed, behind)
  await cluster.until('left', () => cluster.status(1).configuration.outgoing.length === 0)

  t.is(changed.error ?? behind.error, undefined)
  t.like(cluster.status(1).configuration, simple([1, 3, 4, 5]))
  cluster.resume(3)
  await cluster.until('settled', () => cluster.isSettled())
  t.like(cluster.status(3).configuration, simple([1, 3, 4, 5]))
  t.deepEqual(cluster.node(3).machine.texts, ['behind it'])
  await cluster.closeAll()
})

test('M14: a voter that hangs can be removed, and one that hangs can be added', async (t) => {
  const cluster = new SimulatedCluster(2, 4, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)
  cluster.pause(3)
  cluster.pause(4)

  const removed = cluster.change(1, 'r3')
  await answered(cluster, removed)
  const added = cluster.change(1, 'v4')
  await answered(cluster, added)
  cluster.resume(4)
  const behind = cluster.propose(1, 'behind them')
  await answered(cluster, behind)

  t.is(removed.error ?? added.error ?? behind.error, undefined)
  t.like(cluster.status(1).configuration, simple([1, 2, 4]))
  await cluster.closeAll()
})

test('M14: the loop of the leader goes on while a member hangs: reads, proposals, and no stall', async (t) => {
  const cluster = new SimulatedCluster(3, 4, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)
  cluster.pause(3)
  const changed = cluster.change(1, 'l4')
  const proposals = Array.from({ length: 50 }, (_, at) => cluster.propose(1, `${at}`))
  const read = readTexts(cluster, 1)

  const start = cluster.stepCount
  await answered(cluster, changed, ...proposals)
  await readsEnded(cluster, read)

  t.true(cluster.stepCount - start <= 10, `${cluster.stepCount - start}`)
  t.is(cluster.status(1).stalls, 0)
  await cluster.closeAll()
})

test('E15: a leader that stood still for less than the shortest election timeout leads on', async (t) => {
  const cluster = new SimulatedCluster(4)
  await cluster.elect(1)
  const { term } = cluster.status(1)
  for (let at = 0; at < 10; at++) {
    cluster.pause(1)
    await cluster.steps(9)
    cluster.resume(1)
    await cluster.steps(20)
  }

  t.like(cluster.status(1), { role: 'leader', term, stalls: 10 })
  await cluster.closeAll()
})

test('E15: a leader that stands still is replaced within two election timeouts: no heartbeat hides it', async (t) => {
  const cluster = new SimulatedCluster(5)
  await cluster.elect(1)
  cluster.pause(1)

  await cluster.steps(60)

  t.not(cluster.leader(), 1)
  await answered(cluster, cluster.propose(cluster.leader() ?? 0, 'without it'))
  await cluster.closeAll()
})

for (const stalledSteps of [98, 120]) {
  const surrenders = stalledSteps >= 100
  test(`E15: a leader nobody could replace ${surrenders ? 'surrenders' : 'leads on'} after a stall of ${stalledSteps} ticks`, async (t) => {
    const cluster = new SimulatedCluster(6)
    await cluster.elect(1)
    for (const id of [1, 2, 3]) cluster.pause(id)
    await cluster.steps(stalledSteps)

    cluster.resume(1)
    cluster.node(1).tick()
    await settle()
    const attempt = cluster.propose(1, 'after it')
    await settle()

    t.is(cluster.status(1).role, surrenders ? 'follower' : 'leader')
    t.is(attempt.error?.code, surrenders ? 'ERR_NOT_LEADER' : undefined)
    await cluster.closeAll()
  })
}

test('E15: a single voter leads on, however long it stood still', async (t) => {
  const cluster = new SimulatedCluster(7, 1)
  await cluster.elect(1)
  cluster.pause(1)
  await cluster.steps(500)
  cluster.resume(1)
  await cluster.steps(2)

  t.is(cluster.status(1).role, 'leader')
  await cluster.closeAll()
})
