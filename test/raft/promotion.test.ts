import test from 'ava'
import { asReplica } from '../../src/base/ids.js'
import { cluster, type Cluster } from './support/cluster.js'

const settings = { promotionLagEntriesMax: 5, promotionRounds: 3, voters: [1, 2, 3] }

/** Replica 1 leads, 4 is a learner since the end of this. A round has 15 ticks. */
const withLearner = (given = {}): Cluster => {
  const four = cluster(4, { ...settings, ...given }).elect(1)
  four.replica(1).proposeChange('l4')
  return four.settle()
}

const promotable = (group: Cluster): number => group.replica(1).core.promotableLearner()

test('M10: a learner that keeps up for the rounds asked for may be promoted, and not before', (t) => {
  const four = withLearner().tick(15)

  four.tick(29)
  t.is(promotable(four), 0)
  four.tick(16)

  t.is(promotable(four), 4)
})

test('M10: a learner that lacks too much begins anew', (t) => {
  const four = withLearner().tick(30)
  four.block(({ to, kind }) => to === 4 && kind === 'append-entries')
  for (let entry = 0; entry < 6; entry++) four.replica(1).propose(40)
  four.tick(15)
  four.heal().tick(30)

  t.is(promotable(four), 0)
  four.tick(15)
  t.is(promotable(four), 4)
})

test('M10: a learner that is not heard is never promoted, however little it lacks', (t) => {
  const four = withLearner().tick(20).isolate(4)

  for (let round = 0; round < 20; round++) {
    four.tick(15)
    t.is(promotable(four), 0)
  }
})

test('M10: a learner that is only heard, and acknowledges nothing, is never promoted', (t) => {
  const four = cluster(4, settings).elect(1)
  four.block(({ from, kind }) => from === 4 && kind === 'append-entries-response')
  four.replica(1).proposeChange('l4')

  t.is(promotable(four.settle().tick(200)), 0)
})

test('M10: a joint configuration cancels a promotion, and its end begins the rounds anew', (t) => {
  const four = withLearner().tick(60)
  t.is(promotable(four), 4)

  four.replica(1).proposeChange('v2', 'joint-explicit')
  t.is(promotable(four), 0)
  t.is(promotable(four.settle().tick(60)), 0)
  four.replica(1).proposeChange('')
  four.settle()

  t.is(promotable(four), 0)
  t.is(promotable(four.tick(60)), 4)
})

test('M10: nobody is promotable while a change or a transfer is under way, at a follower, or without the option', (t) => {
  const four = withLearner().tick(60)
  t.is(four.replica(2).core.promotableLearner(), asReplica(0))
  four.block(({ kind }) => kind === 'append-entries-response' || kind === 'timeout-now')
  four.replica(1).proposeChange('v4')
  t.is(promotable(four), 0)

  const other = withLearner().tick(60)
  other.block(({ kind }) => kind === 'timeout-now')
  other.replica(1).core.transferLeadership(asReplica(2))
  t.is(promotable(other), 0)
  t.is(promotable(withLearner({ promotionLagEntriesMax: 0 }).tick(60)), 0)
})

test('a new leader counts its own rounds', (t) => {
  const four = withLearner().tick(60)
  for (const id of [1, 2, 3]) four.replica(id).core.forgetLeader()
  four.replica(1).core.transferLeadership(asReplica(2))
  four.settle()

  t.is(four.replica(2).core.promotableLearner(), asReplica(0))
  four.tick(60)
  t.is(four.replica(2).core.promotableLearner(), asReplica(4))
})
