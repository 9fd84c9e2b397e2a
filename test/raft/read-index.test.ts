import test from 'ava'
import { cluster } from './support/cluster.js'
import { heartbeatResponse } from './support/messages.js'

test('a read is served at the commit index of the moment it was asked, once a quorum confirms', (t) => {
  const three = cluster(3).elect(1)
  const leader = three.replica(1)
  leader.propose(40)
  three.settle()

  t.is(leader.core.readIndex(77).kind, 'accepted')
  leader.settle()
  t.deepEqual(leader.readStates, [])
  three.settle()

  t.deepEqual(leader.readStates as unknown, [{ context: 77, index: 2 }])
})

test('reads of one turn share one round of heartbeats', (t) => {
  const three = cluster(3).elect(1)
  for (const context of [1, 2, 3]) three.replica(1).core.readIndex(context)

  three.settle()

  t.is(three.sentOf('heartbeat').length, 2)
  t.is(three.replica(1).readStates.length, 3)
})

test('a single voter serves reads without asking anybody', (t) => {
  const single = cluster(1).elect(1).replica(1)

  single.core.readIndex(4)
  single.takeReadies()

  t.deepEqual(single.readStates as unknown, [{ context: 4, index: 1 }])
})

test('without a leader a follower refuses a read', (t) => {
  t.deepEqual(cluster(3).replica(2).core.readIndex(1) as unknown, {
    kind: 'dropped',
    reason: 'not-leader',
    leader: 0,
  })
})

test('L01: a new leader answers no read before an entry of its term is committed', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40)
  three.settle()
  three.block((m) => m.kind === 'append-entries-response' || m.from === 1 || m.to === 1)
  three.tick(60, 2, 3)
  const leader = three.leaders.find(({ id }) => id !== 1) ?? three.replica(2)

  leader.core.readIndex(9)
  three.tick(10, leader.id)
  t.deepEqual(leader.readStates, [])
  three.heal().tick(6, leader.id)

  t.deepEqual(leader.readStates as unknown, [{ context: 9, index: 3 }])
})

test('L02: answers to an earlier round do not confirm a later one', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  const leader = three.replica(1)
  leader.core.readIndex(1)
  leader.settle()
  leader.core.readIndex(2)
  leader.settle()

  leader.step(heartbeatResponse({ from: 2, term: 1, context: 1 }))
  leader.settle()

  t.deepEqual(leader.readStates as unknown, [{ context: 1, index: 1 }])
})

test('L02: answers from an earlier leadership do not confirm a read', (t) => {
  const three = cluster(3, { preVote: false, checkQuorum: false }).elect(1).isolate(1)
  const replica = three.replica(1)
  replica.core.readIndex(1)
  replica.settle()
  three.elect(2).heal().tick(6)
  t.deepEqual(replica.droppedReads, [1])
  three.elect(1).isolate(1)
  replica.core.readIndex(2)
  replica.settle()

  replica.step(heartbeatResponse({ from: 2, term: 1, context: 1 }))
  replica.step(heartbeatResponse({ from: 3, term: 1, context: 2 }))
  replica.settle()

  t.deepEqual(replica.readStates, [])
})

test('L02: a lost round is confirmed by a later heartbeat', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  three.replica(1).core.readIndex(3)
  three.settle()
  t.deepEqual(three.replica(1).readStates, [])

  three.heal().tick(5)

  t.deepEqual(three.replica(1).readStates as unknown, [{ context: 3, index: 1 }])
})

test('L05: a leader in a minority serves no read, though everything it knows is applied', (t) => {
  const five = cluster(5).elect(1)
  five.isolate(1, 2)

  five.replica(1).core.readIndex(6)
  five.tick(10)

  t.deepEqual(five.replica(1).readStates, [])
  t.is(five.replica(1).core.status().appliedIndex, five.replica(1).core.status().commitIndex)
})

test('reads that wait when leadership ends are told to be dropped, each once', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  const leader = three.replica(1)
  leader.core.readIndex(1)
  leader.settle()
  leader.core.readIndex(2)

  three.tick(30, 1)

  t.deepEqual(leader.droppedReads, [1, 2])
  t.deepEqual(leader.readStates, [])
})
