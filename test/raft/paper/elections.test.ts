// One test per sentence of "In Search of an Understandable Consensus Algorithm (Extended Version)", §5.2, that states a
// behaviour, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asReplica } from '../../../src/base/ids.js'
import { SeededRandom } from '../../../src/base/random.js'
import { cluster } from '../support/cluster.js'
import {
  append,
  heartbeat,
  installSnapshot,
  requestVote,
  voteResponse,
} from '../support/messages.js'
import { candidate, classic, envelopesOf, leader, lone, sentBy } from '../support/roles.js'

test('§5.2: servers begin as followers', (t) => {
  t.deepEqual(
    cluster(5).replicas.map(({ role }) => role),
    Array.from({ length: 5 }, () => 'follower'),
  )
})

test('§5.2: a server that starts again is a follower, even if it led', (t) => {
  const three = cluster(3).elect(1)

  three.replica(1).crash()

  t.is(three.replica(1).role, 'follower')
})

test('§5.2: a leader sends periodic heartbeats to all followers', (t) => {
  const replica = leader()

  for (let round = 0; round < 3; round++) {
    replica.tick(5)
    t.deepEqual(envelopesOf(replica), [
      { kind: 'heartbeat', to: 2, term: 1 },
      { kind: 'heartbeat', to: 3, term: 1 },
    ])
  }
})

test('§5.2: a follower stays one as long as it hears from a leader', (t) => {
  const replica = lone()
  for (let round = 0; round < 50; round++) {
    replica.step(heartbeat({ term: 1 }))
    replica.tick(14)
  }

  t.is(replica.role, 'follower')
})

test('§5.2: a follower stays one as long as it votes for candidates', (t) => {
  const replica = lone()
  for (let round = 1; round < 50; round++) {
    replica.step(requestVote({ term: round }))
    replica.tick(14)
  }

  t.is(replica.role, 'follower')
})

test('§5.2: a candidate that gets no vote does not keep a follower from campaigning', (t) => {
  const replica = lone([3])
  replica.tick(replica.core.status().electionTimeoutTicks - 1)

  replica.step(requestVote({ term: 3, lastIndex: 9, lastTerm: 2 }))
  replica.tick(1)

  t.is(replica.role, 'candidate')
})

test('§5.2: a message that is not valid does not keep a follower from campaigning', (t) => {
  const replica = lone([], 3)
  const { electionTimeoutTicks } = replica.core.status()
  replica.tick(electionTimeoutTicks - 1)

  replica.step(heartbeat({ term: 2 }))
  replica.step(append({ term: 2, terms: [2] }))
  replica.tick(1)

  t.is(replica.role, 'candidate')
})

test('§5.2: a follower that hears nothing over the election timeout begins an election', (t) => {
  const replica = lone()
  const { electionTimeoutTicks } = replica.core.status()

  replica.tick(electionTimeoutTicks - 1)
  t.is(replica.role, 'follower')
  replica.tick(1)

  t.is(replica.role, 'candidate')
})

test('§5.2: to begin an election a follower raises its term, votes for itself and asks all others', (t) => {
  const replica = lone()

  replica.core.campaign()

  t.like(replica.core.status(), { role: 'candidate', term: 1 })
  t.deepEqual(envelopesOf(replica), [
    { kind: 'request-vote', to: 2, term: 1 },
    { kind: 'request-vote', to: 3, term: 1 },
  ])
  t.like(replica.core.status(), { vote: 1 })
})

const outcomes = [
  { servers: 3, granted: 1, rejected: 0, role: 'leader' },
  { servers: 3, granted: 0, rejected: 1, role: 'candidate' },
  { servers: 3, granted: 0, rejected: 2, role: 'follower' },
  { servers: 4, granted: 1, rejected: 0, role: 'candidate' },
  { servers: 4, granted: 2, rejected: 0, role: 'leader' },
  { servers: 5, granted: 1, rejected: 2, role: 'candidate' },
  { servers: 5, granted: 2, rejected: 0, role: 'leader' },
  { servers: 5, granted: 1, rejected: 3, role: 'follower' },
]

for (const { servers, granted, rejected, role } of outcomes) {
  test(`§5.2: of ${servers} servers, ${granted} grants and ${rejected} rejections make a ${role}`, (t) => {
    const replica = cluster(servers, classic).replica(1)
    replica.core.campaign()
    replica.settle()
    for (let from = 2; from < 2 + granted + rejected; from++) {
      replica.step(voteResponse({ from, term: 1, rejected: from >= 2 + granted }))
    }

    t.is(replica.role, role)
  })
}

test('§5.2: only votes of the same term count', (t) => {
  const replica = candidate([], 4)

  replica.step(voteResponse({ from: 2, term: 4 }))
  replica.step(voteResponse({ from: 3, term: 4 }))
  t.is(replica.role, 'candidate')
  replica.step(voteResponse({ from: 2, term: 5 }))

  t.is(replica.role, 'leader')
})

test('§5.2: a server votes for at most one candidate in a term, first come, first served', (t) => {
  const replica = lone()

  replica.step(requestVote({ from: 3, term: 1 }))
  replica.step(requestVote({ from: 2, term: 1 }))

  t.is(replica.core.status().vote, asReplica(3))
  t.like(sentBy(replica), [
    { to: 3, rejected: false },
    { to: 2, rejected: true },
  ])
})

test('§5.2: a server that voted in a term votes again in the next', (t) => {
  const replica = lone()

  replica.step(requestVote({ from: 3, term: 1 }))
  replica.step(requestVote({ from: 2, term: 2 }))

  t.is(replica.core.status().vote, asReplica(2))
})

test('§5.2: of two candidates of a term at most one wins', (t) => {
  const five = cluster(5, classic)

  for (const id of [1, 2]) five.replica(id).core.campaign()
  five.settle()

  t.deepEqual(
    five.replicas.map(({ core }) => core.status().term as number),
    [1, 1, 1, 1, 1],
  )
  t.is(five.leaders.length, 1)
})

test('§5.2: a winner makes its authority known to all at once, without waiting for a tick', (t) => {
  const replica = candidate()

  replica.step(voteResponse({ term: 1 }))

  t.deepEqual(envelopesOf(replica), [
    { kind: 'append-entries', to: 2, term: 1 },
    { kind: 'append-entries', to: 3, term: 1 },
  ])
})

const fromLeader = {
  append: (term: number) => append({ from: 3, term }),
  heartbeat: (term: number) => heartbeat({ from: 3, term }),
  snapshot: (term: number) => installSnapshot({ from: 3, term, index: 4, snapshotTerm: 1 }),
}

for (const [name, message] of Object.entries(fromLeader)) {
  for (const term of [1, 2]) {
    test(`§5.2: a candidate of term 1 follows the leader of term ${term} on its ${name}`, (t) => {
      const replica = candidate()

      replica.step(message(term))

      t.like(replica.core.status(), { role: 'follower', term, leader: 3 })
    })
  }

  test(`§5.2: a candidate ignores the ${name} of a smaller term, and stays a candidate`, (t) => {
    const replica = candidate([], 3)

    replica.step(message(3))

    t.like(replica.core.status(), { role: 'candidate', term: 4, lastIndex: 0 })
  })
}

test('§5.2: a candidate that neither wins nor loses begins a new election, in a new term', (t) => {
  const replica = candidate()

  replica.tick(replica.core.status().electionTimeoutTicks)

  t.like(replica.core.status(), { role: 'candidate', term: 2 })
  t.deepEqual(envelopesOf(replica), [
    { kind: 'request-vote', to: 2, term: 2 },
    { kind: 'request-vote', to: 3, term: 2 },
  ])
})

test('§5.2: votes of the election before do not count in the new one', (t) => {
  const replica = cluster(5, classic).replica(1)
  replica.core.campaign()
  replica.settle()
  replica.step(voteResponse({ from: 2, term: 1 }))
  replica.core.campaign()
  replica.settle()

  replica.step(voteResponse({ from: 3, term: 2 }))

  t.is(replica.role, 'candidate')
})

test('§5.2: election timeouts are drawn at random from a fixed interval, and all of it is used', (t) => {
  const replica = lone([], 0, { ...classic, random: new SeededRandom(7) })
  const drawn = new Set<number>()

  for (let round = 0; round < 1_000; round++) {
    replica.core.rearmElectionTimer()
    drawn.add(replica.core.status().electionTimeoutTicks)
  }

  t.deepEqual(
    [...drawn].sort((a, b) => a - b),
    Array.from({ length: 16 }, (_, at) => 15 + at),
  )
})

test('§5.2: a candidate draws its timeout afresh at the start of an election, and waits that long for the next', (t) => {
  const replica = lone([], 0, { ...classic, random: new SeededRandom(3) })
  const timeouts = new Set<number>()

  for (let term = 1; term <= 20; term++) {
    replica.tick(replica.core.status().electionTimeoutTicks)
    const { electionTimeoutTicks, electionElapsedTicks, term: now } = replica.core.status()
    timeouts.add(electionTimeoutTicks)
    t.like({ electionElapsedTicks, now }, { electionElapsedTicks: 0, now: term })
  }

  t.true(timeouts.size > 5)
})

test('§5.2: split votes are rare, and resolved quickly', (t) => {
  const terms = Array.from({ length: 200 }, (_, seed) => {
    const random = new SeededRandom(seed + 1)
    const five = cluster(5, { ...classic, random })
      .isolate(5)
      .tick(120)
    return five.leaders[0]?.core.status().term ?? Infinity
  })

  const firstTry = terms.filter((term) => term === 1).length

  t.true(Math.max(...terms) <= 6, `up to ${Math.max(...terms)} terms`)
  t.true(firstTry > 150, `${firstTry} of 200 in the first term`)
})
