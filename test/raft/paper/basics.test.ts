// One test per sentence of "In Search of an Understandable Consensus Algorithm (Extended Version)", §5 and §5.1, that states a
// behaviour, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../../src/base/ids.js'
import { cluster, clusterOf } from '../support/cluster.js'
import { append, appendResponse, requestVote } from '../support/messages.js'
import { candidate, classic, envelopesOf, leader, lone, sentBy } from '../support/roles.js'

const makers = { follower: lone, candidate, leader }

test('§5: the leader takes entries, sends them to the others, and tells them when to apply', (t) => {
  const three = cluster(3, classic).elect(1)

  three.replica(1).propose(40)
  three.settle()

  for (const { applied } of three.replicas) t.deepEqual(applied.at(-1)?.index, 2)
})

test('§5: data flows from the leader only: nobody else sends an entry or a snapshot', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40)
  three.tick(5).isolate(1).tick(60)

  const carrying = three.sent.filter(
    ({ kind }) => kind === 'append-entries' || kind === 'install-snapshot',
  )
  const leaderOfTerm = new Map(carrying.map(({ term, from }) => [term, from]))

  t.true(leaderOfTerm.size >= 2)
  t.true(carrying.every(({ term, from }) => leaderOfTerm.get(term) === from))
})

test('§5: a leader that fails or is cut off is replaced', (t) => {
  const three = cluster(3).elect(1).isolate(1)

  three.tick(60, 2, 3)

  t.is(three.leaders.filter(({ id }) => id !== asReplica(1)).length, 1)
})

for (const [servers, tolerated] of [
  [3, 1],
  [4, 1],
  [5, 2],
  [7, 3],
] as const) {
  test(`§5.1: ${servers} servers go on without ${tolerated} of them, and stop without ${tolerated + 1}`, (t) => {
    const group = cluster(servers, classic).elect(1)
    const gone = Array.from({ length: tolerated }, (_, at) => servers - at)
    group.isolate(...gone)
    group.replica(1).propose(40)
    group.settle()
    t.is(group.replica(1).core.status().commitIndex, asIndex(2))

    group.isolate(...gone, servers - tolerated)
    group.replica(1).propose(40)
    group.settle()

    t.is(group.replica(1).core.status().commitIndex, asIndex(2))
  })
}

test('§5.1: in normal operation there is one leader, and everybody else follows it', (t) => {
  const five = cluster(5).tick(60)

  const [elected] = five.leaders
  five.tick(200)

  t.deepEqual(five.leaders, [elected])
  for (const replica of five.replicas.filter(({ isLeader }) => !isLeader)) {
    t.like(replica.core.status(), { role: 'follower', leader: elected?.id })
  }
})

test('§5.1: a follower is passive: it answers, and sends nothing of its own accord', (t) => {
  const replica = lone()

  replica.tick(replica.core.status().electionTimeoutTicks - 1)
  t.deepEqual(envelopesOf(replica), [])
  replica.step(append({ term: 1, terms: [1, 1], commitIndex: 2 }))

  t.deepEqual(envelopesOf(replica), [{ kind: 'append-entries-response', to: 2, term: 1 }])
})

test('§5.1: only the leader takes requests; a follower refuses them and names the leader', (t) => {
  const three = cluster(3).elect(2)

  const result = three.replica(3).propose(40)

  t.deepEqual(result, { kind: 'dropped', reason: 'not-leader', leader: asReplica(2) })
  t.is(three.replica(3).core.status().lastIndex, asIndex(1))
})

test('§5.1: terms are consecutive: each election begins exactly the next one', (t) => {
  const replica = lone([], 6)
  const terms: number[] = []

  for (let round = 0; round < 4; round++) {
    replica.core.campaign()
    terms.push(replica.core.status().term)
  }

  t.deepEqual(terms, [7, 8, 9, 10])
})

test('§5.1: every term begins with an election: a term with entries has a winner', (t) => {
  const three = cluster(3, classic).elect(1).elect(2).isolate(2).tick(60)

  const termsWithEntries = new Set(three.sentOf('append-entries').map(({ term }) => term as number))
  const termsWithElection = new Set(three.sentOf('request-vote').map(({ term }) => term as number))

  t.true(termsWithEntries.size >= 2)
  for (const term of termsWithEntries) t.true(termsWithElection.has(term))
})

test('§5.1: the winner leads for the rest of its term: nothing of its own term ends that', (t) => {
  const replica = leader()

  replica.step(requestVote({ term: 1, lastIndex: 9, lastTerm: 1 }))
  replica.step(appendResponse({ term: 1, index: 1, rejected: true }))
  replica.tick(100)

  t.like(replica.core.status(), { role: 'leader', term: 1 })
})

test('§5.1: a term whose votes are split ends without a leader, and a new one begins', (t) => {
  const four = cluster(4, classic)
  four.replica(1).core.campaign()
  four.replica(2).core.campaign()
  four.block(({ from, to }) => (from === 1 && to === 4) || (from === 2 && to === 3)).settle()
  t.deepEqual(four.leaders, [])

  four.heal().tick(100)

  t.is(four.leaders.length, 1)
  t.true((four.leaders[0]?.core.status().term ?? 0) > 1)
})

test('§5.1: there is at most one leader in a term, whoever campaigns when', (t) => {
  const five = cluster(5, classic)
  const leaderOfTerm = new Map<number, number>()
  for (let round = 0; round < 60; round++) {
    const id = 1 + ((round * 7) % 5)
    five.block(({ from, to }) => (from + to + round) % 3 === 0)
    five.replica(id).core.campaign()
    five.replica(1 + (id % 5)).core.campaign()
    five.settle()
    for (const { core, id: leaderId } of five.leaders) {
      const { term } = core.status()
      t.is(leaderOfTerm.get(term) ?? leaderId, leaderId)
      leaderOfTerm.set(term, leaderId)
    }
  }

  t.true(leaderOfTerm.size > 10)
})

test('§5.1: a server may sleep through whole terms, and wakes up in the newest', (t) => {
  const three = cluster(3, classic).elect(1).isolate(3)
  three.elect(2).elect(1).elect(2)
  t.is(three.replica(3).core.status().term, asTerm(1))

  three.heal().tick(5)

  t.like(three.replica(3).core.status(), { term: 4, leader: 2, role: 'follower' })
})

test('§5.1: a term never falls, whatever arrives', (t) => {
  const replica = lone([], 3)
  let before = 3

  for (const term of [1, 5, 2, 4, 9, 3]) {
    replica.step(append({ term }))
    const now: number = replica.core.status().term
    t.true(now >= before)
    before = now
  }

  t.is(before, 9)
})

test('§5.1: every message tells the term of its sender', (t) => {
  const three = cluster(3, classic).elect(1).tick(5)
  three.replica(1).propose(40)
  three.settle()

  t.true(three.sent.length > 10)
  t.true(three.sent.every(({ term }) => term === three.replica(1).core.status().term))
})

for (const [role, make] of Object.entries(makers)) {
  test(`§5.1: a ${role} whose term is smaller than another's takes the larger one`, (t) => {
    const replica = make()

    replica.step(append({ term: 4 }))

    t.like(replica.core.status(), { term: 4 })
  })

  test(`§5.1: a ${role} that learns of a larger term from an answer follows at once`, (t) => {
    const replica = make()

    replica.step(appendResponse({ term: 4, index: 0, rejected: true }))

    t.like(replica.core.status(), { term: 4, role: 'follower', leader: 0 })
  })
}

test('§5.1: a request of a smaller term is refused, and its sender told the larger one', (t) => {
  const replica = lone([], 3)

  replica.step(append({ term: 2, terms: [2] }))
  replica.step(requestVote({ term: 2, lastIndex: 9, lastTerm: 9 }))

  t.like(replica.core.status(), { lastIndex: 0, leader: 0, vote: 0 })
  t.like(sentBy(replica), [
    { kind: 'append-entries-response', term: 3 },
    { kind: 'request-vote-response', term: 3, rejected: true },
  ])
})

test('§5.1: the leader of a smaller term is told the larger one', (t) => {
  const replica = lone([], 3, {})

  replica.step(append({ term: 2, terms: [2] }))

  t.like(sentBy(replica), [{ kind: 'append-entries-response', to: 2, term: 3 }])
})

test('§5.1: a request that was not answered in time is sent again', (t) => {
  const three = clusterOf([{ terms: [1, 1] }, { terms: [1, 1] }, { terms: [1] }], classic)
  three.block(({ to, kind }) => to === 3 && kind === 'append-entries').elect(1)

  three.heal().tick(5)

  t.is(three.replica(3).disk.lastIndex, 3)
})

test('§5.1: requests leave for all others at once, before any of them has answered', (t) => {
  const replica = lone()

  replica.core.campaign()

  t.deepEqual(envelopesOf(replica), [
    { kind: 'request-vote', to: 2, term: 1 },
    { kind: 'request-vote', to: 3, term: 1 },
  ])
})
