import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { cluster, type Cluster } from './support/cluster.js'
import { timeoutNow } from './support/messages.js'

const ledByOne = (): Cluster => cluster(3).elect(1)

test('leadership goes to a voter that is up to date at once, against stickiness and without pre-vote', (t) => {
  const three = ledByOne()

  t.deepEqual(three.replica(1).core.transferLeadership(asReplica(2)), { kind: 'started' })
  three.settle()

  t.true(three.replica(2).isLeader)
  t.is(three.replica(1).role, 'follower')
  t.is(three.sentOf('pre-vote').filter(({ from }) => from === asReplica(2)).length, 0)
})

test('a target that lags is brought up to date first', (t) => {
  const three = ledByOne().isolate(2)
  three.replica(1).propose(40, 41)
  three.settle().heal()

  three.replica(1).core.transferLeadership(asReplica(2))
  three.settle().tick(6)

  t.true(three.replica(2).isLeader)
  t.is(three.replica(2).core.status().lastIndex, asIndex(4))
})

test('while leadership is handed over nothing is proposed, and the target is named', (t) => {
  const three = ledByOne().isolate(2)
  const leader = three.replica(1)
  leader.core.transferLeadership(asReplica(2))

  t.like(leader.propose(40), { kind: 'dropped', reason: 'not-leader', leader: 2 })
  t.like(leader.proposeChange('l4'), { kind: 'dropped', reason: 'not-leader', leader: 2 })
})

test('a transfer that does not succeed within an election timeout is given up', (t) => {
  const three = ledByOne().isolate(2)
  const leader = three.replica(1)
  leader.core.transferLeadership(asReplica(2))

  three.tick(14, 1)
  t.is(leader.core.status().transferee, asReplica(2))
  three.tick(1, 1)

  t.is(leader.core.status().transferee, asReplica(0))
  t.is(leader.propose(40).kind, 'accepted')
})

test('a transfer can be turned to another target, or called off', (t) => {
  const three = ledByOne().isolate(2)
  const leader = three.replica(1)
  leader.core.transferLeadership(asReplica(2))
  t.like(leader.core.transferLeadership(asReplica(1)), { reason: 'leads-already' })
  t.is(leader.propose(40).kind, 'accepted')
  leader.core.transferLeadership(asReplica(2))

  leader.core.transferLeadership(asReplica(3))
  three.settle()

  t.true(three.replica(3).isLeader)
})

test('only a leader hands leadership over, and only to a voter', (t) => {
  const three = cluster(4, { voters: [1, 2, 3] }).elect(1)
  three.replica(1).proposeChange('l4')
  three.settle()

  t.like(three.replica(2).core.transferLeadership(asReplica(3)), {
    reason: 'not-leader',
    leader: 1,
  })
  for (const id of [4, 9]) {
    t.like(three.replica(1).core.transferLeadership(asReplica(id)), { reason: 'not-voter' })
  }
})

test('a target that is removed meanwhile ends the transfer', (t) => {
  const three = ledByOne()
  const leader = three.replica(1)
  leader.proposeChange('r2')
  three.block((m) => m.kind === 'timeout-now')
  leader.core.transferLeadership(asReplica(2))

  three.settle()

  t.is(leader.core.status().transferee, asReplica(0))
  t.is(leader.propose(40).kind, 'accepted')
})

test('a learner that is told to campaign does not', (t) => {
  const two = cluster(2, { voters: [1] }).elect(1)
  two.replica(1).proposeChange('l2')
  two.settle()

  two.replica(2).step(timeoutNow({ from: 1, to: 2, term: 1 }))

  t.is(two.replica(2).role, 'follower')
})

test('a joint configuration that could not be left during a transfer is left after it', (t) => {
  const three = cluster(3, { voters: [1, 2] }).elect(1)
  const leader = three.replica(1)
  leader.proposeChange('v3', 'joint-implicit')
  three.block((m) => m.kind === 'timeout-now')
  leader.core.transferLeadership(asReplica(2))
  three.settle()
  t.is(leader.core.status().voters.outgoing.length, 2)

  three.tick(30)

  t.is(leader.core.status().voters.outgoing.length, 0)
})

test('a follower that forgets its leader votes for another at once, and follows at the next heartbeat', (t) => {
  const three = ledByOne()
  three.replica(2).core.forgetLeader()
  three.replica(1).core.forgetLeader()
  t.is(three.replica(2).core.status().leader, asReplica(0))
  t.true(three.replica(1).isLeader)

  three.tick(5, 1)
  t.is(three.replica(2).core.status().leader, asReplica(1))
  three.replica(2).core.forgetLeader()
  three.replica(3).core.campaign()
  three.settle()

  t.true(three.replica(3).isLeader)
})

test('leadership is not handed over in the first ticks of it', (t) => {
  const three = cluster(3, { leaderTicksMin: 75 }).elect(1)
  const leader = three.replica(1)
  three.tick(70)

  t.deepEqual(leader.core.transferLeadership(asReplica(2)), {
    kind: 'refused',
    reason: 'term-too-short',
    leader: leader.id,
    remainingTicks: 5,
  })
  three.tick(5)
  t.deepEqual(leader.core.transferLeadership(asReplica(2)), { kind: 'started' })
})
