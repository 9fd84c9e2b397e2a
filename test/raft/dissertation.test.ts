// Behaviour that sentences of Ongaro's dissertation state beyond the paper. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { cluster, clusterOf } from './support/cluster.js'
import { requestVote } from './support/messages.js'

test('§3.8 term and vote are on disk before a vote is told', (t) => {
  const replica = cluster(3).replica(2)
  replica.step(requestVote({ from: 1, to: 2, term: 1 }))
  replica.takeReadies()

  t.deepEqual(replica.takeOutgoing(), [])
  replica.completeWrite()
  t.like(replica.disk.hardState, { term: 1, vote: 1 })
  t.like(replica.takeOutgoing()[0], { kind: 'request-vote-response', rejected: false })
})

test('§3.8 a server that restarts recovers its term, its vote and its log', (t) => {
  const three = cluster(3).elect(1)
  const before = three.replica(2).core.status()

  three.replica(2).crash()

  const { term, vote, lastIndex } = before
  t.like(three.replica(2).core.status(), { term, vote, lastIndex, role: 'follower' })
})

test('§3.10 the leader stops accepting requests, brings the target up to date, then tells it to campaign', (t) => {
  const three = cluster(3)
    .elect(1)
    .block(({ to }) => to === 2)
  const leader = three.replica(1)
  leader.propose(40)
  three.settle()

  leader.core.transferLeadership(asReplica(2))
  t.is(leader.propose(40).kind, 'dropped')
  t.is(three.sentOf('timeout-now').length, 0)
  three.heal().tick(10)

  t.true(three.replica(2).isLeader)
  t.is(three.replica(2).core.status().commitIndex, asIndex(3))
})

test('§3.10 after an election timeout without success the leader takes requests again', (t) => {
  const three = cluster(3)
    .elect(1)
    .block(({ kind }) => kind === 'timeout-now')
  three.replica(1).core.transferLeadership(asReplica(2))

  three.tick(15)

  t.is(three.replica(1).propose(40).kind, 'accepted')
})

test('§4.2.1 a server that joins as a learner is not counted until it is made a voter', (t) => {
  const three = cluster(3, { voters: [1, 2] }).elect(1)
  three.replica(1).proposeChange('l3')
  three.settle()
  three.isolate(2)

  three.replica(1).propose(40)
  three.settle()

  t.true(three.replica(1).core.status().commitIndex < three.replica(1).core.status().lastIndex)
})

test('§4.2.2 a leader that is removed goes on until the entry is committed, then steps down', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).proposeChange('r1')
  t.true(three.replica(1).isLeader)

  three.settle()

  t.false(three.replica(1).isLeader)
  three.tick(70, 2, 3)
  t.is(three.leaders.length, 1)
})

test('§4.2.3 a removed server cannot disrupt: who hears its leader ignores newer terms', (t) => {
  const three = cluster(3).elect(1).tick(5)

  three.replica(2).step(requestVote({ from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 9 }))

  t.like(three.replica(2).core.status(), { term: 1, leader: 1 })
})

test('§4.3 in a joint configuration entries need a majority of each half', (t) => {
  const five = cluster(5, { voters: [1, 2, 3] }).elect(1)
  five.replica(1).proposeChange('v4 v5 r2 r3', 'joint-explicit')
  five.settle()
  five.isolate(4, 5)
  const before = five.replica(1).core.status().commitIndex

  five.replica(1).propose(40)
  five.settle()

  t.is(five.replica(1).core.status().commitIndex, before)
})

test('§6.4 a read waits for a committed entry of the term, a round of heartbeats, and the state machine', (t) => {
  const three = clusterOf([{ terms: [1] }, { terms: [1] }, { terms: [1] }])
  const leader = three.elect(1).replica(1)
  three.block(({ kind }) => kind === 'heartbeat-response')

  leader.core.readIndex(7)
  three.settle()
  t.deepEqual(leader.readStates, [])
  three.heal().tick(5)

  t.deepEqual(leader.readStates, [{ context: 7, index: asIndex(2) }])
})
