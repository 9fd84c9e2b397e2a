// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", chapter 4, that states a behaviour, in
// our own words; docs/raft.md lists those that are not followed. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../../src/base/ids.js'
import { entryKinds } from '../../../src/raft/entry-range.js'
import { majorityOf } from '../../../src/raft/quorum.js'
import { cluster, clusterOf, type Cluster } from '../support/cluster.js'
import { append, heartbeat, preVote, requestVote } from '../support/messages.js'
import { lone, sentBy, termsOf } from '../support/roles.js'

const votersOf = (group: Cluster, id: number): readonly number[] =>
  group.replica(id).core.status().configuration.incoming

test('§4: a cluster takes requests while its members change', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  const leading = four.replica(1)

  for (const change of ['v4', 'r3', 'l3', 'v3', 'r4']) {
    leading.proposeChange(change)
    t.is(leading.propose(50).kind, 'accepted')
    four.settle()
  }

  t.is(leading.applied.filter(({ entry }) => entry.bytes === 50).length, 5)
  t.deepEqual(votersOf(four, 1), [1, 2, 3])
})

for (let servers = 1; servers <= 9; servers++) {
  test(`§4.1: any majority of ${servers} servers meets any majority of ${servers + 1}`, (t) => {
    t.true(majorityOf(servers) + majorityOf(servers + 1) > servers + 1)
  })
}

test('§4.1: a leader that gets a change appends an entry, which is replicated as any other', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  const entries = { firstIndex: 2, lastIndex: 2, runs: [{ kind: entryKinds.membership }] }

  four.replica(1).proposeChange('v4')

  t.like(sentBy(four.replica(1)), [
    { kind: 'append-entries', to: 2, entries },
    { kind: 'append-entries', to: 3, entries },
  ])
})

test('§4.1: a change is decided by the majority that its own rules demand, and then it is complete', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  four.block(({ to }) => to !== 1)
  four.replica(1).proposeChange('v4')
  four.settle()
  t.deepEqual(votersOf(four, 1), [1, 2, 3])

  four.heal().tick(5)

  for (const id of [1, 2, 3, 4]) t.deepEqual(votersOf(four, id), [1, 2, 3, 4])
})

test('§4.1: there is no second change before the first one is complete', (t) => {
  const five = cluster(5, { voters: [1, 2, 3] }).elect(1)
  five.replica(1).proposeChange('v4')

  t.like(five.replica(1).proposeChange('v5'), { kind: 'dropped', reason: 'refused' })
  five.settle()

  t.is(five.replica(1).proposeChange('v5').kind, 'accepted')
})

test('§4.1: a leader changes nothing before it has committed in its own term (erratum)', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] })
  four.block(({ kind }) => kind === 'append-entries-response').elect(1)

  t.like(four.replica(1).proposeChange('v4'), { kind: 'dropped', reason: 'refused' })
  four.heal().tick(5)

  t.is(four.replica(1).proposeChange('v4').kind, 'accepted')
})

test('§4.1: a change that a later leader overwrites never counts', (t) => {
  const three = cluster(4, { voters: [1, 2, 3] }).elect(1)
  three.isolate(1).replica(1).proposeChange('v4')
  three.settle()
  three.tick(60, 2, 3)

  three.heal().tick(10)

  for (const id of [1, 2, 3]) t.deepEqual(votersOf(three, id), [1, 2, 3])
  t.deepEqual(termsOf(three.replica(1)), termsOf(three.replica(2)))
})

test('§4.1: appends of a leader outside the own configuration are taken: this is how a server learns of it', (t) => {
  const replica = lone()

  replica.step(append({ from: 9, term: 1, terms: [1] }))

  t.like(sentBy(replica), [{ kind: 'append-entries-response', to: 9, rejected: false }])
  t.is(replica.core.status().leader, asReplica(9))
})

test('§4.1: a vote goes to a candidate outside the own configuration, if its log tells more', (t) => {
  const replica = lone([1])

  replica.step(requestVote({ from: 9, term: 2, lastIndex: 2, lastTerm: 1 }))

  t.is(replica.core.status().vote, asReplica(9))
})

test('§4.2.1: a server that joins receives the log, and neither votes nor counts, until it is made a voter', (t) => {
  const three = cluster(3, { voters: [1, 2] }).elect(1)
  three.replica(1).proposeChange('l3')
  three.settle()
  t.deepEqual(three.replica(3).disk.entries, three.replica(1).disk.entries)
  three.isolate(2)

  three.replica(1).propose(40)
  three.settle()

  t.is(three.replica(3).disk.lastIndex, 3)
  t.is(three.replica(1).core.status().commitIndex, asIndex(2))
})

test('§4.2.1: a server that joins does not campaign, however long it hears nothing', (t) => {
  const three = cluster(3, { voters: [1, 2] }).elect(1)
  three.replica(1).proposeChange('l3')
  three.settle().isolate(3)

  three.tick(200, 3)

  t.like(three.replica(3).core.status(), { role: 'follower', term: 1 })
})

test('§4.2.1: the log of an empty server is found at once, not probed back entry by entry', (t) => {
  const terms = Array.from({ length: 300 }, (_, at) => 1 + Math.floor(at / 3))
  const three = clusterOf([{ terms }, { terms }, { terms: [] }], { voters: [1, 2] }).elect(1)

  three.replica(1).proposeChange('l3')
  three.settle()

  const refusals = three.sentOf('append-entries-response').filter(({ rejected }) => rejected)
  t.is(refusals.length, 1)
  t.deepEqual(three.replica(3).disk.entries, three.replica(1).disk.entries)
})

test('§4.2.2: a leader that is removed goes on until the entry is committed, then steps down', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).proposeChange('r1')
  t.true(three.replica(1).isLeader)

  three.settle()

  t.false(three.replica(1).isLeader)
  three.tick(70, 2, 3)
  t.is(three.leaders.length, 1)
})

test('§4.2.2: a server whose removal is not committed yet campaigns, for it may be the only one that can win', (t) => {
  const two = cluster(2).elect(1)
  two.block(({ to }) => to === 2)
  two.replica(1).proposeChange('r1')
  two.settle()
  two.replica(1).crash()
  two.checker.forget(1)

  two.heal().tick(70)

  t.deepEqual(votersOf(two, 2), [2])
  t.true(two.replica(2).isLeader)
})

test('§4.2.2: a leader that is to be removed may hand its leadership over first', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).core.transferLeadership(asReplica(2))
  three.settle()

  three.replica(2).proposeChange('r1')
  three.settle()

  t.deepEqual(three.leaders, [three.replica(2)])
  t.deepEqual(votersOf(three, 2), [2, 3])
})

test('§4.2.3: a removed server that does not know it disturbs nobody', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ to }) => to === 3)
  three.replica(1).proposeChange('r3')
  three.settle().heal()

  three.tick(200)

  t.deepEqual(three.leaders, [three.replica(1)])
  t.is(three.replica(1).core.status().term, asTerm(1))
  t.true(three.sentOf('pre-vote').some(({ from }) => from === asReplica(3)))
})

for (const request of [
  requestVote({ from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 9 }),
  preVote({ from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 9 }),
]) {
  test(`§4.2.3: who heard its leader within the shortest timeout ignores a ${request.kind}, whatever its term`, (t) => {
    const three = cluster(3).elect(1).tick(5)

    three.replica(2).step(request)

    t.like(three.replica(2).core.status(), { term: 1, leader: 1, vote: 1 })
    t.deepEqual(sentBy(three.replica(2)), [])
  })
}

test('§4.2.3: a leader that reaches its cluster is not deposed by larger terms', (t) => {
  const three = cluster(3).elect(1).tick(5)

  three.replica(1).step(requestVote({ from: 3, term: 9, lastIndex: 9, lastTerm: 9 }))

  t.like(three.replica(1).core.status(), { role: 'leader', term: 1 })
})

test('§4.2.3: a candidate that was asked to take over says so, and is heard at once', (t) => {
  const three = cluster(3).elect(1).tick(5)

  three.replica(2).step({
    ...requestVote({ from: 3, to: 2, term: 2, lastIndex: 1, lastTerm: 1 }),
    leadershipTransfer: true,
  })

  t.like(three.replica(2).core.status(), { term: 2, vote: 3 })
})

test('§4.2.3: who has not heard from a leader for that long listens to candidates again', (t) => {
  const replica = lone([], 1, {})
  replica.step(heartbeat({ from: 3, term: 1 }))

  replica.tick(15)
  replica.step(requestVote({ from: 2, term: 9 }))

  t.like(replica.core.status(), { term: 9, vote: 2 })
})

/** Voters 1, 2 and 3 in a joint configuration with 1, 4 and 5, led by 1. */
const joint = (): Cluster => {
  const five = cluster(5, { voters: [1, 2, 3] }).elect(1)
  five.replica(1).proposeChange('v4 v5 r2 r3', 'joint-explicit')
  return five.settle()
}

test('§4.3: entries go to the servers of both configurations', (t) => {
  const five = joint()

  five.replica(1).propose(40)
  five.settle()

  for (const replica of five.replicas) t.deepEqual(termsOf(replica), [1, 1, 1])
})

for (const [half, ids] of [
  ['old', [2, 3]],
  ['new', [4, 5]],
] as const) {
  test(`§4.3: in a joint configuration nothing commits without a majority of the ${half} one`, (t) => {
    const five = joint().isolate(...ids)
    const before = five.replica(1).core.status().commitIndex

    five.replica(1).propose(40)
    five.settle()
    t.is(five.replica(1).core.status().commitIndex, before)
    five.heal().tick(5)

    t.true(five.replica(1).core.status().commitIndex > before)
  })

  test(`§4.3: in a joint configuration nobody is elected without a majority of the ${half} one`, (t) => {
    const five = joint().isolate(...ids)
    five.tick(20)

    five.tick(200)
    t.deepEqual(five.leaders, [])
    five.heal().tick(100)

    t.is(five.leaders.length, 1)
  })

  test(`§4.3: a server of the ${half} configuration may lead`, (t) => {
    const five = joint()
    const [id] = ids

    five.replica(1).core.transferLeadership(asReplica(id))
    five.settle()

    t.deepEqual(five.leaders, [five.replica(id)])
  })
}

test('§4.3: the new configuration is in force alone when the entry that leaves the joint one is committed', (t) => {
  const five = joint()

  five.replica(1).proposeChange('', 'auto')
  five.settle()
  five.isolate(2, 3)
  five.replica(1).propose(40)
  five.settle()

  t.like(five.replica(1).core.status(), {
    commitIndex: 4,
    configuration: { incoming: [1, 4, 5], outgoing: [] },
  })
})

test('§4.3: requests are served in the joint configuration', (t) => {
  const five = joint()

  five.replica(1).propose(40)
  five.settle()

  for (const { applied } of five.replicas)
    t.like(applied.at(-1), { index: 3, entry: { bytes: 40 } })
})
