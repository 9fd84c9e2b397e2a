import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import { Core } from '../../src/raft/core.js'
import { cluster, clusterOf } from './support/cluster.js'
import {
  append,
  heartbeat,
  preVote,
  preVoteResponse,
  requestVote,
  voteResponse,
} from './support/messages.js'
import type { TestReplica } from './support/replica.js'

const isAnswer = (kind: string): boolean => kind.endsWith('vote-response')

/** The answers that a replica gave to candidates, as [to, term, rejected]. */
function answers(replica: TestReplica): [number, number, boolean][] {
  replica.settle()
  return replica.takeOutgoing().flatMap((m): [number, number, boolean][] => {
    return 'rejected' in m && isAnswer(m.kind) ? [[m.to, m.term, m.rejected]] : []
  })
}

/** One of three replicas, alone with the messages that the test makes up. */
const lone = (...given: Parameters<typeof clusterOf>): TestReplica => {
  const [[first = { terms: [] }], settings] = given
  return clusterOf([first, first, first], settings).replica(1)
}

test('E01: a vote is told only when it is durable', (t) => {
  const voter = lone([{ terms: [] }])

  voter.step(requestVote({ term: 1 }))
  voter.takeReadies()

  t.is(voter.pendingWrites.length, 1)
  t.deepEqual(voter.takeOutgoing(), [])
  voter.completeWrite()
  t.deepEqual(answers(voter), [[2, 1, false]])
})

test('E01: a voter that crashes before its vote is durable may vote again, and then only once', (t) => {
  const voter = lone([{ terms: [] }])
  voter.step(requestVote({ from: 2, term: 1 }))
  voter.takeReadies()

  voter.crash()
  voter.step(requestVote({ from: 3, term: 1 }))
  t.deepEqual(answers(voter), [[3, 1, false]])
  voter.crash()
  voter.step(requestVote({ from: 2, term: 1 }))

  t.deepEqual(answers(voter), [[2, 1, true]])
})

test('E01: a candidate counts its own vote only when it is durable', (t) => {
  const single = clusterOf([{ terms: [] }], { preVote: false }).replica(1)

  single.core.campaign()
  single.takeReadies()
  t.is(single.role, 'candidate')
  single.completeWrite()

  t.is(single.role, 'leader')
})

test('E02: a term is persisted with, or before, the first entry of that term', (t) => {
  const follower = lone([{ terms: [1] }])

  follower.step(append({ term: 3, prevIndex: 1, prevTerm: 1, terms: [3] }))
  const ready = follower.core.takeReady()

  t.is(ready.hardState?.term as number, 3)
  t.is(ready.entries?.lastIndex as number, 2)
  t.true(ready.mustSync)
})

test('E02: a disk with an entry above its own term is refused', (t) => {
  t.throws(() => clusterOf([{ terms: [1, 4], term: 3 }]), { message: /R9/ })
})

test('E03: a replica that was cut off does not raise the term, and its return disturbs nobody', (t) => {
  const three = cluster(3, { checkQuorum: false }).elect(1)
  three.isolate(3).tick(300)
  three.replica(1).propose(40)
  three.settle()

  three.heal().tick(40)

  t.is(three.replica(3).core.status().term, asTerm(1))
  t.deepEqual(
    three.leaders.map(({ id }) => id as number),
    [1],
  )
  t.is(three.replica(3).core.status().commitIndex, asIndex(2))
})

test('E04: a pre-vote is ignored by whoever heard a leader lately', (t) => {
  const voter = lone([{ terms: [1] }])
  voter.step(heartbeat({ from: 3, term: 1 }))

  voter.step(preVote({ from: 2, term: 2, lastIndex: 9, lastTerm: 9 }))

  t.deepEqual(answers(voter), [])
})

test('E04: a pre-vote is granted once the leader was silent for the shortest election timeout', (t) => {
  const voter = lone([{ terms: [1] }], { electionTicksMin: 10, electionTicksMax: 30 })
  voter.step(heartbeat({ from: 3, term: 1 }))
  while (voter.core.status().electionTimeoutTicks === 10) voter.core.rearmElectionTimer()

  voter.tick(10)
  voter.step(preVote({ from: 2, term: 2, lastIndex: 1, lastTerm: 1 }))

  t.deepEqual(answers(voter), [[2, 2, false]])
})

test('E04: a quorum of pre-candidates replaces a leader that the rest still hears', (t) => {
  const three = cluster(3).elect(3)

  three.replica(1).core.campaign()
  three.settle()
  t.true(three.replica(3).isLeader)
  three.replica(2).core.campaign()
  three.settle()

  t.true(three.replica(2).isLeader)
})

test('E06: a leader that hears no quorum for an election timeout steps down and refuses proposals', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  three.replica(1).core.readIndex(5)

  three.tick(30, 1)

  t.is(three.replica(1).role, 'follower')
  t.deepEqual(three.replica(1).propose(40), {
    kind: 'dropped',
    reason: 'not-leader',
    leader: 0 as never,
  })
  t.deepEqual(three.replica(1).droppedReads, [5])
})

test('E06: a leader that hears a quorum stays, however long', (t) => {
  const three = cluster(3).elect(1).isolate(3)

  three.tick(500)

  t.true(three.replica(1).isLeader)
  t.is(three.replica(1).core.status().term, asTerm(1))
})

test('E10: a vote that is refused does not put off the own campaign', (t) => {
  const voter = lone([{ terms: [1, 1] }])
  voter.tick(7)

  voter.step(requestVote({ term: 5, lastIndex: 1, lastTerm: 1 }))

  t.deepEqual(answers(voter), [[2, 5, true]])
  t.is(voter.core.status().electionElapsedTicks, 7)
})

test('E10: a vote that is given puts it off', (t) => {
  const voter = lone([{ terms: [1] }])
  voter.tick(7)

  voter.step(requestVote({ term: 5, lastIndex: 1, lastTerm: 1 }))

  t.is(voter.core.status().electionElapsedTicks, 0)
})

test('E11: stepping down within a term keeps the vote', (t) => {
  const three = cluster(3).elect(1).isolate(1)

  three.tick(30, 1)

  t.like(three.replica(1).core.status(), { role: 'follower', term: 1, vote: 1 })
})

test('E11: a candidate that follows the winner of its term keeps its vote', (t) => {
  const candidate = lone([{ terms: [] }], { preVote: false })
  candidate.core.campaign()

  candidate.step(heartbeat({ term: 1 }))

  t.like(candidate.core.status(), { role: 'follower', leader: 2, vote: 1 })
})

for (const message of [requestVote({ from: 9, term: 7 }), preVote({ from: 9, term: 7 })]) {
  test(`E12: a ${message.kind} of a replica outside the configuration changes nothing`, (t) => {
    const voter = lone([{ terms: [] }])

    voter.step(message)

    t.deepEqual(answers(voter), [])
    t.like(voter.core.status(), { term: 0, vote: 0 })
  })
}

test('E12: a replica outside the configuration never campaigns', (t) => {
  const voters = [1, 2, 3].map(asReplica)
  const core = new Core({ id: asReplica(9), voters, random: new SeededRandom(1) })

  for (let i = 0; i < 100; i++) core.tick()
  core.campaign()

  t.is(core.status().role, 'follower')
})

test('E16: only ticks move time: without them nothing happens, however long it takes', (t) => {
  const three = cluster(3)

  three.settle()
  t.deepEqual(three.leaders, [])
  three.tick(60)

  t.is(three.leaders.length, 1)
})

test('a stalled replica may rearm its election timer instead of campaigning', (t) => {
  const follower = lone([{ terms: [] }])

  for (let i = 0; i < 50; i++) {
    follower.tick(10)
    follower.core.rearmElectionTimer()
  }

  t.is(follower.role, 'follower')
})

const logs = [
  { name: 'the same log', lastIndex: 3, lastTerm: 2, granted: true },
  { name: 'a longer log of the same term', lastIndex: 4, lastTerm: 2, granted: true },
  { name: 'a shorter log of a later term', lastIndex: 1, lastTerm: 3, granted: true },
  { name: 'a shorter log of the same term', lastIndex: 2, lastTerm: 2, granted: false },
  { name: 'a longer log of an earlier term', lastIndex: 9, lastTerm: 1, granted: false },
]

for (const { name, lastIndex, lastTerm, granted } of logs) {
  test(`a candidate with ${name} ${granted ? 'gets' : 'does not get'} vote and pre-vote`, (t) => {
    const voter = lone([{ terms: [1, 2, 2] }])

    voter.step(preVote({ term: 3, lastIndex, lastTerm }))
    t.deepEqual(answers(voter), [[2, granted ? 3 : 2, !granted]])
    voter.step(requestVote({ term: 3, lastIndex, lastTerm }))

    t.deepEqual(answers(voter), [[2, 3, !granted]])
  })
}

test('a pre-vote changes neither term nor vote nor the timer', (t) => {
  const voter = lone([{ terms: [] }])
  voter.tick(4)

  voter.step(preVote({ term: 8 }))

  t.like(voter.core.status(), { term: 0, vote: 0, electionElapsedTicks: 4 })
})

test('a pre-candidate learns a newer term from a rejection', (t) => {
  const candidate = lone([{ terms: [] }])
  candidate.core.campaign()

  candidate.step(preVoteResponse({ term: 6, rejected: true }))

  t.like(candidate.core.status(), { role: 'follower', term: 6 })
})

test('a late grant of an earlier attempt does not count', (t) => {
  const candidate = lone([{ terms: [], term: 4 }])
  candidate.core.campaign()
  candidate.settle()

  candidate.step(preVoteResponse({ term: 4 }))

  t.is(candidate.role, 'pre-candidate')
})

test('a pre-vote of an older term is answered with the newer one', (t) => {
  const voter = lone([{ terms: [], term: 4 }])

  voter.step(preVote({ term: 2 }))

  t.deepEqual(answers(voter), [[2, 4, true]])
})

test('a request for a vote of an older term is answered with the newer one', (t) => {
  const voter = lone([{ terms: [], term: 4 }])

  voter.step(requestVote({ term: 2 }))
  voter.settle()

  t.like(voter.takeOutgoing()[0], {
    kind: 'request-vote-response',
    term: 4,
    to: 2,
    rejected: true,
  })
})

test('a leader of an older term learns of the newer one', (t) => {
  const follower = lone([{ terms: [], term: 4 }])

  follower.step(heartbeat({ term: 2 }))
  follower.settle()

  t.like(follower.takeOutgoing()[0], { kind: 'append-entries-response', term: 4, to: 2 })
})

test('a vote counted twice is still one vote', (t) => {
  const five = cluster(5, { preVote: false })
  const candidate = five.replica(1)
  candidate.core.campaign()
  candidate.settle()

  candidate.step(voteResponse({ from: 2, term: 1 }))
  candidate.step(voteResponse({ from: 2, term: 1 }))

  t.is(candidate.role, 'candidate')
})

test('a replica votes again for the same candidate, and for no other', (t) => {
  const voter = lone([{ terms: [] }])
  voter.step(requestVote({ from: 2, term: 1 }))
  voter.step(requestVote({ from: 2, term: 1 }))
  voter.step(requestVote({ from: 3, term: 1 }))

  t.deepEqual(answers(voter), [
    [2, 1, false],
    [2, 1, false],
    [3, 1, true],
  ])
})

test('a split vote ends without a leader, and later timeouts resolve it', (t) => {
  const four = cluster(4, { preVote: false })
  four.replica(1).core.campaign()
  four.replica(2).core.campaign()
  four.block(({ from, to }) => from <= 2 && to !== from + 2)
  four.settle()
  t.deepEqual(four.leaders, [])

  four.heal().tick(120)

  t.is(four.leaders.length, 1)
})
