import test from 'ava'

import { asIndex } from '../../src/base/ids.js'
import { answered } from './attempts.js'
import { SimulatedCluster } from './simulated-cluster.js'

const options = { promotionLagEntriesMax: 10, promotionRounds: 3 }
const setup = { voters: [1, 2, 3], learners: [4, 5], options }

test('M10: learners that keep up become voters, one after the other, each once', async (t) => {
  const cluster = new SimulatedCluster(1, 5, {}, setup)
  await cluster.elect(1)
  await answered(cluster, cluster.propose(1, 'a'))

  await cluster.until('five voters', () => cluster.status(1).configuration.incoming.length === 5)
  const { lastIndex } = cluster.status(1)
  await cluster.steps(200)

  // The noop, one entry, and one change for each of the two.
  t.is(lastIndex, asIndex(4))
  t.is(cluster.status(1).lastIndex, lastIndex)
  t.true(cluster.isSettled())
  await cluster.closeAll()
})

test('M10: an unreachable learner stays one, and does not keep the other from being promoted', async (t) => {
  const cluster = new SimulatedCluster(2, 5, {}, setup)
  await cluster.elect(1)
  cluster.isolate(4)

  await cluster.until('four voters', () => cluster.status(1).configuration.incoming.length === 4)
  await cluster.steps(300)

  const { incoming, learners } = cluster.status(1).configuration
  t.deepEqual([incoming, learners] as unknown, [[1, 2, 3, 5], [4]])
  await cluster.closeAll()
})

test('M10: a change by hand comes before a promotion, and the promotion happens once after it', async (t) => {
  const cluster = new SimulatedCluster(3, 5, {}, { ...setup, learners: [4] })
  await cluster.elect(1)
  await cluster.steps(20)
  const joint = cluster.change(1, 'v5', 'joint-explicit')
  await answered(cluster, joint)
  await cluster.steps(200)
  t.deepEqual(cluster.status(1).configuration.learners as unknown, [4])

  await answered(cluster, cluster.change(1, ''))
  await cluster.until('five voters', () => cluster.status(1).configuration.incoming.length === 5)
  const { lastIndex } = cluster.status(1)
  await cluster.steps(200)

  t.is(cluster.status(1).lastIndex, lastIndex)
  await cluster.closeAll()
})

test('without the option learners stay learners', async (t) => {
  const cluster = new SimulatedCluster(4, 4, {}, { voters: [1, 2, 3], learners: [4] })
  await cluster.elect(1)
  await cluster.steps(300)

  t.deepEqual(cluster.status(1).configuration.learners as unknown, [4])
  await cluster.closeAll()
})
