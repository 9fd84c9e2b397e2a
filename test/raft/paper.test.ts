// One test per sentence of "In Search of an Understandable Consensus Algorithm" (extended version), section 5, that
// states a behaviour. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { cluster, clusterOf } from './support/cluster.js'
import {
  append,
  appendResponse,
  heartbeat,
  preVoteResponse,
  requestVote,
  voteResponse,
} from './support/messages.js'
import type { TestReplica } from './support/replica.js'

const classic = { preVote: false, checkQuorum: false }

const lone = (terms: readonly number[] = [], term = terms.at(-1) ?? 0): TestReplica =>
  clusterOf([{ terms, term }, { terms: [] }, { terms: [] }], classic).replica(1)

const candidate = (): TestReplica => {
  const replica = lone()
  replica.core.campaign()
  replica.settle()
  replica.takeOutgoing()
  return replica
}

const leader = (): TestReplica => {
  const replica = candidate()
  replica.step(voteResponse({ term: 1 }))
  replica.settle()
  replica.takeOutgoing()
  return replica
}

const sent = (replica: TestReplica): { kind: string; to: number; term: number }[] => {
  replica.settle()
  return replica.takeOutgoing().map(({ kind, to, term }) => ({ kind, to, term }))
}

const makers = { follower: lone, candidate, leader }

for (const [role, make] of Object.entries(makers)) {
  test(`§5.1 a ${role} whose term is smaller than another's updates it to the larger value`, (t) => {
    const replica = make()

    replica.step(append({ term: 4 }))

    t.like(replica.core.status(), { term: 4, role: 'follower' })
  })
}

test('§5.1 a server that receives a request with a stale term rejects it', (t) => {
  const replica = lone([], 3)

  replica.step(append({ term: 2, terms: [2] }))
  replica.step(requestVote({ term: 2, lastIndex: 9, lastTerm: 9 }))

  t.like(replica.core.status(), { lastIndex: 0, leader: 0, vote: 0 })
})

test('§5.2 servers begin as followers', (t) => {
  t.deepEqual(
    cluster(5).replicas.map(({ role }) => role),
    Array.from({ length: 5 }, () => 'follower'),
  )
})

test('§5.2 a leader sends periodic heartbeats to all followers', (t) => {
  const replica = leader()

  replica.tick(5)

  t.deepEqual(sent(replica), [
    { kind: 'heartbeat', to: 2, term: 1 },
    { kind: 'heartbeat', to: 3, term: 1 },
  ])
})

test('§5.2 a follower stays one as long as it hears from a leader', (t) => {
  const replica = lone()
  for (let round = 0; round < 50; round++) {
    replica.step(heartbeat({ term: 1 }))
    replica.tick(14)
  }

  t.is(replica.role, 'follower')
})

test('§5.2 a follower that hears nothing over the election timeout begins an election', (t) => {
  const replica = lone()
  const { electionTimeoutTicks } = replica.core.status()

  replica.tick(electionTimeoutTicks - 1)
  t.is(replica.role, 'follower')
  replica.tick(1)

  t.like(replica.core.status(), { role: 'candidate', term: 1, vote: 1 })
  t.deepEqual(sent(replica), [
    { kind: 'request-vote', to: 2, term: 1 },
    { kind: 'request-vote', to: 3, term: 1 },
  ])
})

const outcomes = [
  { servers: 3, granted: 1, rejected: 0, role: 'leader' },
  { servers: 3, granted: 0, rejected: 1, role: 'candidate' },
  { servers: 3, granted: 0, rejected: 2, role: 'follower' },
  { servers: 5, granted: 1, rejected: 2, role: 'candidate' },
  { servers: 5, granted: 2, rejected: 0, role: 'leader' },
  { servers: 5, granted: 1, rejected: 3, role: 'follower' },
]

for (const { servers, granted, rejected, role } of outcomes) {
  test(`§5.2 of ${servers} servers, ${granted} grants and ${rejected} rejections make a ${role}`, (t) => {
    const replica = cluster(servers, classic).replica(1)
    replica.core.campaign()
    replica.settle()
    for (let from = 2; from < 2 + granted + rejected; from++) {
      replica.step(voteResponse({ from, term: 1, rejected: from >= 2 + granted }))
    }

    t.is(replica.role, role)
  })
}

test('§5.2 a server votes for at most one candidate in a term, first come, first served', (t) => {
  const replica = lone()

  replica.step(requestVote({ from: 3, term: 1 }))
  replica.step(requestVote({ from: 2, term: 1 }))

  t.is(replica.core.status().vote, asReplica(3))
})

test('§5.2 a winner establishes its authority at once', (t) => {
  const replica = candidate()

  replica.step(voteResponse({ term: 1 }))

  t.deepEqual(sent(replica), [
    { kind: 'append-entries', to: 2, term: 1 },
    { kind: 'append-entries', to: 3, term: 1 },
  ])
})

for (const term of [1, 2]) {
  test(`§5.2 a candidate of term 1 follows a leader of term ${term}`, (t) => {
    const replica = candidate()

    replica.step(append({ from: 3, term }))

    t.like(replica.core.status(), { role: 'follower', term, leader: 3 })
  })
}

test('§5.2 a candidate ignores a leader of a smaller term and stays a candidate', (t) => {
  const replica = lone([], 3)
  replica.core.campaign()

  replica.step(append({ term: 3 }))

  t.like(replica.core.status(), { role: 'candidate', term: 4 })
})

test('§5.2 a candidate that neither wins nor loses times out and starts a new election', (t) => {
  const replica = candidate()

  replica.tick(replica.core.status().electionTimeoutTicks)

  t.like(replica.core.status(), { role: 'candidate', term: 2 })
})

test('§5.3 a leader appends a command to its log and sends it to the others in parallel', (t) => {
  const three = cluster(3, classic).elect(1)
  three.replica(1).propose(40)

  const messages = (three.replica(1).takeReadies(), three.replica(1).takeOutgoing())

  t.deepEqual(
    messages.map(({ to, kind }) => [to as number, kind]),
    [
      [2, 'append-entries'],
      [3, 'append-entries'],
    ],
  )
})

for (const [servers, acknowledging, committed] of [
  [3, 0, false],
  [3, 1, true],
  [5, 1, false],
  [5, 2, true],
  [5, 4, true],
] as const) {
  const verb = committed ? 'commit' : 'do not commit'
  test(`§5.3 of ${servers} servers, a leader and ${acknowledging} others ${verb} an entry`, (t) => {
    const group = cluster(servers, classic).elect(1)
    const replica = group.replica(1)
    replica.propose(40)
    replica.settle()
    for (let from = 2; from < 2 + acknowledging; from++) {
      replica.step(appendResponse({ from, term: 1, index: 2 }))
    }

    t.is(replica.core.status().commitIndex, asIndex(committed ? 2 : 1))
  })
}

test('§5.3 committing an entry commits all before it, also those of earlier leaders', (t) => {
  const three = clusterOf([{ terms: [1, 2, 2] }, { terms: [1] }, { terms: [] }], classic)

  three.elect(1)

  t.deepEqual(
    three.replica(1).applied.map(({ index, entry }) => [index, entry.term]),
    [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 3],
    ],
  )
})

test('§5.3 a leader tells the highest committed index, and followers apply up to it, in order', (t) => {
  const three = cluster(3, classic).elect(1)
  three.replica(1).propose(40, 41, 42)
  three.settle()

  for (const replica of three.replicas) {
    t.deepEqual(
      replica.applied.map(({ index }) => index),
      [1, 2, 3, 4],
    )
  }
})

const consistency = [
  { name: 'the same term at that index', prev: [2, 2], accepted: true },
  { name: 'no entry at that index', prev: [3, 2], accepted: false },
  { name: 'another term at that index', prev: [2, 1], accepted: false },
  { name: 'the empty beginning', prev: [0, 0], accepted: true },
] as const

for (const { name, prev, accepted } of consistency) {
  test(`§5.3 an append after ${name} is ${accepted ? 'accepted' : 'refused'}`, (t) => {
    const replica = lone([1, 2])

    replica.step(append({ term: 3, prevIndex: prev[0], prevTerm: prev[1] }))
    replica.settle()

    t.like(replica.takeOutgoing()[0], { rejected: !accepted })
  })
}

test('§5.3 a leader never overwrites or deletes entries of its own log', (t) => {
  const three = clusterOf([{ terms: [1, 1, 3] }, { terms: [1, 2] }, { terms: [1, 2] }], classic)
  const before = [...three.replica(1).disk.entries]

  three.elect(1)

  t.deepEqual(three.replica(1).disk.entries.slice(0, 3), before)
})

test('§5.4.1 a voter refuses a candidate whose log is less up-to-date than its own', (t) => {
  const replica = lone([1, 2])

  replica.step(requestVote({ term: 3, lastIndex: 5, lastTerm: 1 }))

  t.is(replica.core.status().vote, asReplica(0))
})

test('§5.4.1 a candidate tells its last index and term', (t) => {
  const replica = lone([1, 2])
  replica.core.campaign()
  replica.settle()

  t.like(replica.takeOutgoing()[0], { lastIndex: 2, lastTerm: 2, term: 3 })
})

test('§5.4.2 only entries of the current term are committed by counting replicas', (t) => {
  const group = clusterOf([{ terms: [1, 2] }, { terms: [] }, { terms: [] }], classic)
  const replica = group.replica(1)
  replica.core.campaign()
  replica.settle()
  replica.step(voteResponse({ term: 3 }))
  replica.settle()

  replica.step(appendResponse({ term: 3, index: 2 }))
  t.is(replica.core.status().commitIndex, asIndex(0))
  replica.step(appendResponse({ term: 3, index: 3 }))

  t.is(replica.core.status().commitIndex, asIndex(3))
})

test('§5.5 a request that was handled already has no effect the second time', (t) => {
  const replica = lone()
  const message = append({ term: 1, terms: [1, 1], commitIndex: 1 })
  replica.step(message)
  replica.settle()
  const before = replica.core.status()

  replica.step(message)
  replica.settle()

  t.deepEqual(replica.core.status(), before)
})

test('§5.5 a leader retries until a crashed follower is back', (t) => {
  const three = cluster(3).elect(1)
  three.isolate(3)
  three.replica(1).propose(40)
  three.tick(20)

  three.replica(3).crash()
  three.heal().tick(10)

  t.is(three.replica(3).disk.lastIndex, 2)
})

test('dissertation §9.6: a campaign raises its term only after a quorum would vote for it', (t) => {
  const replica = clusterOf([{ terms: [] }, { terms: [] }, { terms: [] }]).replica(1)
  replica.core.campaign()
  replica.settle()
  t.like(replica.core.status(), { role: 'pre-candidate', term: 0 })

  replica.step(preVoteResponse({ term: 1 }))

  t.like(replica.core.status(), { role: 'candidate', term: 1 })
})

test('dissertation §4.2.3: who heard a leader lately keeps it, whatever the term of a candidate', (t) => {
  const replica = clusterOf([{ terms: [] }, { terms: [] }, { terms: [] }]).replica(1)
  replica.step(heartbeat({ from: 3, term: 1 }))

  replica.step(requestVote({ from: 2, term: 9 }))

  t.like(replica.core.status(), { term: 1, leader: 3, vote: 3 })
})
