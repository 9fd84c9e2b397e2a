// One test per sentence of "In Search of an Understandable Consensus Algorithm (Extended Version)", §5.5 and §5.6, that states a
// behaviour, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asReplica } from '../../../src/base/ids.js'
import { cluster } from '../support/cluster.js'
import { append, requestVote } from '../support/messages.js'
import { classic, lone, sentBy, termsOf } from '../support/roles.js'

test('§5.5: a leader retries until a crashed follower is back', (t) => {
  const three = cluster(3).elect(1).isolate(3)
  three.replica(1).propose(40)
  three.tick(20)

  three.replica(3).crash()
  three.heal().tick(10)

  t.is(three.replica(3).disk.lastIndex, 2)
})

test('§5.5: a candidate asks again until a crashed voter is back', (t) => {
  const three = cluster(3, classic).isolate(1)
  three.replica(1).core.campaign()
  three.settle()
  for (const id of [2, 3]) three.replica(id).crash()

  three.heal().tick(60, 1)

  t.true(three.replica(1).isLeader)
})

test('§5.5: a follower that crashed before it could answer answers the same append after it', (t) => {
  const replica = lone()
  const request = append({ term: 1, terms: [1, 1] })
  replica.step(request)
  replica.settle()
  replica.crash()

  replica.step(request)

  t.like(sentBy(replica), [{ kind: 'append-entries-response', index: 2, rejected: false }])
  t.deepEqual(termsOf(replica), [1, 1])
})

test('§5.5: a voter that crashed before it could answer gives the same vote again after it', (t) => {
  const replica = lone()
  const request = requestVote({ from: 3, term: 1 })
  replica.step(request)
  replica.settle()
  replica.crash()

  replica.step(requestVote({ from: 2, term: 1 }))
  replica.step(request)

  t.like(sentBy(replica), [
    { to: 2, rejected: true },
    { to: 3, rejected: false },
  ])
})

test('§5.5: a request that was handled already has no effect the second time', (t) => {
  const replica = lone()
  const message = append({ term: 1, terms: [1, 1], commitIndex: 1 })
  replica.step(message)
  replica.settle()
  const before = replica.core.status()

  replica.step(message)
  replica.settle()

  t.deepEqual(replica.core.status(), before)
})

test('§5.5: an append whose entries are there already takes nothing away, also none that came later', (t) => {
  const replica = lone()
  const early = append({ term: 1, terms: [1, 1] })
  replica.step(early)
  replica.step(append({ term: 1, prevIndex: 2, prevTerm: 1, terms: [1, 1] }))
  replica.settle()

  replica.step(early)
  replica.settle()

  t.deepEqual(termsOf(replica), [1, 1, 1, 1])
})

test('§5.6: safety does not depend on how fast whose clock runs', (t) => {
  const five = cluster(5, classic)
  const speeds = [1, 40, 3, 17, 0]

  for (let round = 0; round < 400; round++) {
    five.block(({ from, to }) => (from * 3 + to + round) % 4 === 0)
    for (const replica of five.replicas) replica.tick(speeds[replica.id - 1] ?? 1)
    five.leaders[0]?.propose(40 + (round % 8))
    five.settle()
  }

  // The checker of the cluster has looked at every state: R20 to R24 held.
  const applied = five.replicas.map((replica) => replica.applied.length)
  t.true(Math.max(...applied) > 0, `applied ${applied.join(', ')}`)
})

test('§5.6: where messages take longer than the election timeout nobody leads, and nothing goes wrong', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(77)
  three.settle()

  three.block(() => true).tick(500)
  t.deepEqual(three.leaders, [])
  three.heal().tick(60)

  t.is(three.leaders.length, 1)
  for (const { applied } of three.replicas) t.like(applied[1], { index: 2, entry: { bytes: 77 } })
})

test('§5.6: heartbeats are sent several times within the shortest election timeout, so that one may be lost', (t) => {
  const three = cluster(3).elect(1)
  for (let tick = 0; tick < 200; tick++) {
    // Every other heartbeat is lost on its way.
    three.block(({ kind, to }) => kind === 'heartbeat' && to === 2 && tick % 10 < 5).tick(1)
  }

  t.deepEqual(three.leaders, [three.replica(1)])
  t.true(three.sentOf('pre-vote').every(({ from }) => from === asReplica(1)))
})

test('§5.6: without its leader a cluster stands still for about an election timeout', (t) => {
  const three = cluster(3, classic).elect(1).tick(5).isolate(1)

  three.tick(14, 2, 3)
  t.deepEqual(three.leaders, [three.replica(1)])
  three.tick(30, 2, 3)

  t.is(three.leaders.filter(({ id }) => id !== asReplica(1)).length, 1)
})
