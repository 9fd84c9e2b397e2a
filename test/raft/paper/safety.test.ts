// One test per sentence of "In Search of an Understandable Consensus Algorithm (Extended Version)", §5.4, that states a
// behaviour, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica } from '../../../src/base/ids.js'
import { cluster, clusterOf } from '../support/cluster.js'
import { append, appendResponse, requestVote } from '../support/messages.js'
import { classic, leader, lone, sentBy, termsOf } from '../support/roles.js'

test('§5.4: a follower that missed committed entries cannot become leader and overwrite them', (t) => {
  const three = cluster(3, classic).elect(1).isolate(3)
  three.replica(1).propose(77)
  three.settle()
  three.heal()

  three.replica(3).core.campaign()
  three.settle()
  t.false(three.replica(3).isLeader)
  three.tick(100)

  t.is(three.leaders.length, 1)
  for (const { disk } of three.replicas) t.like(disk.entries[1], { term: 1, bytes: 77 })
})

test('§5.4.1: a new leader has every committed entry from the moment of its election', (t) => {
  const three = cluster(3, classic).elect(1).isolate(3)
  three.replica(1).propose(40, 41)
  three.settle()
  const committed = three.replica(1).applied.map(({ entry }) => entry)
  three.isolate(1)

  three.replica(2).core.campaign()
  three.settle()

  t.true(three.replica(2).isLeader)
  t.deepEqual(three.replica(2).disk.entries.slice(0, committed.length), committed)
})

test('§5.4.1: nobody sends missing entries to a leader: entries flow one way', (t) => {
  const three = clusterOf([{ terms: [1, 2] }, { terms: [1, 2] }, { terms: [1, 1, 1] }], classic)

  three.elect(1).tick(20)

  t.true(three.sentOf('append-entries').every(({ from }) => from === asReplica(1)))
  t.deepEqual(termsOf(three.replica(1)), [1, 2, 3])
})

test('§5.4.1: whoever reaches a majority reaches somebody with each committed entry, who refuses a lesser log', (t) => {
  const five = cluster(5, classic).elect(1)
  five.block(({ to }) => to === 4 || to === 5)
  five.replica(1).propose(40)
  five.settle()
  t.is(five.replica(1).core.status().commitIndex, asIndex(2))

  for (const reached of [1, 2, 3]) {
    five.block(({ from, to }) => ![4, 5, reached].includes(from) || ![4, 5, reached].includes(to))
    five.replica(4).core.campaign()
    five.settle()
    t.not(five.replica(4).role, 'leader')
  }
})

const candidates = [
  { name: 'the same log', lastIndex: 3, lastTerm: 2, granted: true },
  { name: 'a longer log with the same last term', lastIndex: 4, lastTerm: 2, granted: true },
  { name: 'a shorter log with a later last term', lastIndex: 1, lastTerm: 3, granted: true },
  { name: 'a shorter log with the same last term', lastIndex: 2, lastTerm: 2, granted: false },
  { name: 'a longer log with an earlier last term', lastIndex: 9, lastTerm: 1, granted: false },
  { name: 'an empty log', lastIndex: 0, lastTerm: 0, granted: false },
]

for (const { name, lastIndex, lastTerm, granted } of candidates) {
  test(`§5.4.1: a voter ${granted ? 'grants' : 'refuses'} its vote to a candidate with ${name}`, (t) => {
    const replica = lone([1, 1, 2])

    replica.step(requestVote({ term: 5, lastIndex, lastTerm }))

    t.is(replica.core.status().vote, asReplica(granted ? 2 : 0))
    t.like(sentBy(replica)[0], { kind: 'request-vote-response', term: 5, rejected: !granted })
  })
}

test('§5.4.1: a candidate tells its last index and term', (t) => {
  const replica = lone([1, 2])
  replica.core.campaign()

  t.like(sentBy(replica)[0], { lastIndex: 2, lastTerm: 2, term: 3 })
})

test('§5.4.2: an entry of the current term is committed as soon as a majority has stored it', (t) => {
  const replica = leader()

  replica.step(appendResponse({ term: 1, index: 1 }))

  t.is(replica.core.status().commitIndex, asIndex(1))
})

test('§5.4.2: an entry that a leader did not get to commit is finished by the next one that has it', (t) => {
  const three = cluster(3, classic).elect(1)
  three.block(({ kind, to }) => to === 3 || kind === 'append-entries-response')
  three.replica(1).propose(77)
  three.settle()
  t.is(three.replica(1).core.status().commitIndex, asIndex(1))
  t.is(three.replica(2).disk.lastIndex, 2)

  three.isolate(1).elect(2)

  t.like(three.replica(3).applied[1], { index: 2, entry: { term: 1, bytes: 77 } })
})

test('§5.4.2: an old entry on a majority can still be overwritten (figure 8, c and d)', (t) => {
  const five = clusterOf(
    [
      { terms: [1, 2], term: 4 },
      { terms: [1, 2], term: 4 },
      { terms: [1, 2], term: 4 },
      { terms: [1], term: 4 },
      { terms: [1, 3], term: 4 },
    ],
    classic,
  )

  five.isolate(1, 2).elect(5)

  t.deepEqual(termsOf(five.replica(3)), [1, 3, 5])
  t.is(five.replica(5).core.status().commitIndex, asIndex(3))
})

test('§5.4.2: with an entry of the leader behind it on a majority it cannot (figure 8, e)', (t) => {
  const five = clusterOf(
    [
      { terms: [1, 2, 4], term: 4 },
      { terms: [1, 2, 4], term: 4 },
      { terms: [1, 2, 4], term: 4 },
      { terms: [1], term: 4 },
      { terms: [1, 3], term: 4 },
    ],
    classic,
  )

  five.replica(5).core.campaign()
  five.settle().tick(100)

  t.is(five.leaders.length, 1)
  for (const replica of five.replicas) t.deepEqual(termsOf(replica).slice(0, 3), [1, 2, 4])
})

test('§5.4.2: only entries of the current term are committed by counting, even when every server has the old one', (t) => {
  const replica = leader([1, 2])

  for (const from of [2, 3]) replica.step(appendResponse({ from, term: 3, index: 2 }))
  t.is(replica.core.status().commitIndex, asIndex(0))
  replica.step(appendResponse({ term: 3, index: 3 }))

  t.is(replica.core.status().commitIndex, asIndex(3))
})

test('§5.4.2: entries keep their term when a later leader replicates them', (t) => {
  const three = clusterOf([{ terms: [1, 2, 2] }, { terms: [] }, { terms: [1] }], classic)

  three.elect(1)

  for (const replica of three.replicas) t.deepEqual(termsOf(replica), [1, 2, 2, 3])
})

test('§5.4.2: a new leader sends only the entries that a follower lacks', (t) => {
  const three = clusterOf([{ terms: [1, 2, 2] }, { terms: [1, 2, 2] }, { terms: [1, 2] }], classic)

  three.elect(1)

  const sent = three.sentOf('append-entries').map(({ to, entries }) => [to, entries?.firstIndex])
  t.true(sent.some(([to, first]) => to === asReplica(2) && first === asIndex(4)))
  t.false(sent.some(([, first]) => first !== undefined && first < 3))
})

test('§5.4.3: who has voted in a later term takes no entry of an earlier leader', (t) => {
  const replica = lone([1])
  replica.step(requestVote({ from: 3, term: 3, lastIndex: 1, lastTerm: 1 }))

  replica.step(append({ from: 2, term: 2, prevIndex: 1, prevTerm: 1, terms: [2], commitIndex: 2 }))
  replica.settle()

  t.deepEqual(termsOf(replica), [1])
  t.like(replica.core.status(), { vote: 3, commitIndex: 0 })
})

test('§5.4.3: who has stored an entry still has it when it votes', (t) => {
  const replica = lone()
  replica.step(append({ term: 1, terms: [1, 1] }))
  replica.settle()

  replica.step(requestVote({ from: 3, term: 2, lastIndex: 1, lastTerm: 1 }))

  t.deepEqual(termsOf(replica), [1, 1])
  t.is(replica.core.status().vote, asReplica(0))
})

test('§5.4.3: a committed entry is in the log of every later leader', (t) => {
  const five = cluster(5, classic).elect(1)
  five.replica(1).propose(77)
  five.settle()

  for (const id of [2, 4, 3, 5, 1]) {
    five.isolate(1 + (id % 5))
    five.elect(id)
    t.like(five.replica(id).disk.entries[1], { term: 1, bytes: 77 })
    five.heal().tick(5)
  }
})

test('§5.4.3: a server applies an entry only when its log is that of the leader up to there', (t) => {
  const replica = lone([1, 1, 1])

  replica.step(append({ term: 2, prevIndex: 4, prevTerm: 2, commitIndex: 3 }))
  replica.settle()
  t.deepEqual(replica.applied, [])
  replica.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [2, 2], commitIndex: 3 }))
  replica.settle()

  t.deepEqual(
    replica.applied.map(({ index, entry }) => [index, entry.term]),
    [
      [1, 1],
      [2, 2],
      [3, 2],
    ],
  )
})

test('§5.4.3: all servers apply the same entries in the same order', (t) => {
  const three = cluster(3, classic)
  for (const id of [1, 2, 3, 1]) {
    three.isolate(1 + (id % 3)).elect(id)
    three.replica(id).propose(40 + id, 50 + id)
    three.settle().heal().tick(5)
  }

  const [first, ...others] = three.replicas.map(({ applied }) => applied)
  t.is(first?.length, 12)
  for (const other of others) t.deepEqual(other, first)
})
