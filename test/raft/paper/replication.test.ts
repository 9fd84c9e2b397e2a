// One test per sentence of "In Search of an Understandable Consensus Algorithm (Extended Version)", §5.3, that states a
// behaviour, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica } from '../../../src/base/ids.js'
import { cluster, clusterOf, type Cluster } from '../support/cluster.js'
import { append, appendResponse } from '../support/messages.js'
import { classic, leader, lone, sentBy, termsOf } from '../support/roles.js'

test('§5.3: a leader appends a command to its log and sends it to the others in parallel', (t) => {
  const replica = cluster(3, classic).elect(1).replica(1)

  replica.propose(40)
  replica.takeReadies()

  t.is(replica.core.status().lastIndex, asIndex(2))
  t.like(replica.takeOutgoing(), [
    { kind: 'append-entries', to: 2, entries: { firstIndex: 2, lastIndex: 2 } },
    { kind: 'append-entries', to: 3, entries: { firstIndex: 2, lastIndex: 2 } },
  ])
})

for (const applyBeforeDurable of [true, false]) {
  test(`§5.3: an entry is applied when it is safely replicated, and not before (applyBeforeDurable: ${applyBeforeDurable})`, (t) => {
    const three = cluster(3, { ...classic, applyBeforeDurable }).elect(1)
    const leading = three.replica(1)
    leading.propose(40)
    leading.settle()
    t.is(leading.core.status().durableIndex, asIndex(2))
    t.deepEqual(
      leading.applied.map(({ index }) => index),
      [1],
    )

    leading.step(appendResponse({ term: 1, index: 2 }))
    leading.settle()

    t.deepEqual(
      leading.applied.map(({ index }) => index),
      [1, 2],
    )
  })
}

const troubles: Readonly<Record<string, (three: Cluster) => void>> = {
  'is down': (three) => {
    three.isolate(3).tick(100)
    three.replica(3).crash()
  },
  'does not hear appends': (three) => {
    three.block(({ kind, to }) => kind === 'append-entries' && to === 3).tick(100)
  },
  'cannot answer': (three) => {
    three.block(({ kind, from }) => kind === 'append-entries-response' && from === 3).tick(100)
  },
}

for (const [name, trouble] of Object.entries(troubles)) {
  test(`§5.3: a leader sends entries to a follower that ${name} again and again, also after they are committed`, (t) => {
    const three = cluster(3).elect(1)
    three.block(({ to, from }) => to === 3 || from === 3)
    three.replica(1).propose(40, 41, 42)
    three.settle()
    t.is(three.replica(1).core.status().commitIndex, asIndex(4))

    trouble(three)
    three.heal().tick(10)

    t.deepEqual(three.replica(3).disk.entries, three.replica(1).disk.entries)
  })
}

test('§5.3: an entry carries the term in which its leader took it, and keeps its index', (t) => {
  const three = cluster(3, classic).elect(1)
  three.replica(1).propose(40)
  three.settle().elect(2).replica(2).propose(41)
  three.settle()

  for (const replica of three.replicas) t.deepEqual(termsOf(replica), [1, 1, 2, 2])
})

for (const [servers, acknowledging, committed] of [
  [3, 0, false],
  [3, 1, true],
  [4, 1, false],
  [4, 2, true],
  [5, 1, false],
  [5, 2, true],
  [5, 4, true],
] as const) {
  const verb = committed ? 'commit' : 'do not commit'
  test(`§5.3: of ${servers} servers, a leader and ${acknowledging} others ${verb} an entry`, (t) => {
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

test('§5.3: a committed entry outlives crashes, and every server applies it in the end', (t) => {
  const three = cluster(3).elect(1)
  three.isolate(3).replica(1).propose(77)
  three.settle()
  t.is(three.replica(1).core.status().commitIndex, asIndex(2))
  for (const replica of three.replicas) {
    three.checker.forget(replica.id)
    replica.crash()
  }

  three.heal().tick(60)

  for (const { applied } of three.replicas) t.like(applied[1], { index: 2, entry: { bytes: 77 } })
})

test('§5.3: committing an entry commits all before it, also those of earlier leaders', (t) => {
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

test('§5.3: a leader tells its commit index in every append, and in every heartbeat as far as the log is known to match', (t) => {
  const three = cluster(3, classic).elect(1)
  const replica = three.replica(1)
  replica.propose(40)
  three.settle()

  replica.propose(41)
  replica.tick(5)
  const messages = sentBy(replica)

  t.like(messages, [
    { kind: 'append-entries', commitIndex: 2 },
    { kind: 'append-entries', commitIndex: 2 },
    { kind: 'heartbeat', commitIndex: 2 },
    { kind: 'heartbeat', commitIndex: 2 },
  ])
})

test('§5.3: followers apply what they learn to be committed, in the order of the log', (t) => {
  const three = cluster(3, classic).elect(1)
  three.replica(1).propose(40, 41, 42)
  three.settle()

  for (const { applied } of three.replicas) {
    t.deepEqual(
      applied.map(({ index, entry }) => [index, entry.bytes]),
      [
        [1, 33],
        [2, 40],
        [3, 41],
        [4, 42],
      ],
    )
  }
})

test('§5.3: a follower commits no more than it knows to match, whatever the leader has committed', (t) => {
  const replica = lone([1, 1, 1])

  replica.step(append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 9 }))
  t.like(replica.core.status(), { commitIndex: 1, lastIndex: 3 })
  replica.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [1], commitIndex: 9 }))

  t.like(replica.core.status(), { commitIndex: 2, lastIndex: 3 })
})

test('§5.3: in one term a leader puts no second entry at an index', (t) => {
  const replica = leader()
  const seen: number[] = []

  for (let round = 0; round < 5; round++) {
    const result = replica.propose(40)
    if (result.kind === 'accepted') seen.push(result.firstIndex)
    replica.step(appendResponse({ term: 1, index: 1, rejected: true }))
  }

  t.deepEqual(seen, [2, 3, 4, 5, 6])
})

test('§5.3: an append names the index and the term of the entry before its own', (t) => {
  const replica = leader([1, 2, 2])

  replica.step(appendResponse({ term: 3, index: 3, rejected: true, hint: [1, 1] }))

  t.like(sentBy(replica)[0], {
    prevIndex: 1,
    prevTerm: 1,
    entries: { firstIndex: 2, lastIndex: 4 },
  })
})

const consistency = [
  { name: 'the same term at that index', prev: [2, 2], accepted: true },
  { name: 'no entry at that index', prev: [3, 2], accepted: false },
  { name: 'another term at that index', prev: [2, 1], accepted: false },
  { name: 'the empty beginning', prev: [0, 0], accepted: true },
] as const

for (const { name, prev, accepted } of consistency) {
  test(`§5.3: an append after ${name} is ${accepted ? 'accepted' : 'refused'}`, (t) => {
    const replica = lone([1, 2])

    replica.step(append({ term: 3, prevIndex: prev[0], prevTerm: prev[1] }))

    t.like(sentBy(replica)[0], { rejected: !accepted })
  })
}

test('§5.3: a refused append leaves the log as it is', (t) => {
  const replica = lone([1, 2])

  replica.step(append({ term: 3, prevIndex: 5, prevTerm: 3, terms: [3], commitIndex: 6 }))
  replica.settle()

  t.deepEqual(termsOf(replica), [1, 2])
  t.is(replica.core.status().commitIndex, asIndex(0))
})

test('§5.3: an accepted append tells the leader that the logs are equal up to its last entry', (t) => {
  const replica = leader([1, 1])

  replica.step(appendResponse({ from: 3, term: 2, index: 3 }))

  const known = replica.core.status().progress.map(({ id, matchIndex }) => [id, matchIndex])
  t.deepEqual(known as unknown, [
    [1, 3],
    [2, 0],
    [3, 3],
  ])
})

test('§5.3: in normal operation no append is refused', (t) => {
  const three = cluster(3).tick(60)
  for (let round = 0; round < 50; round++) {
    three.leaders[0]?.propose(40, 41)
    three.tick(2)
  }

  t.true(three.sentOf('append-entries-response').length > 100)
  t.true(three.sentOf('append-entries-response').every(({ rejected }) => !rejected))
})

const figure7Leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
const figure7 = [
  { name: 'a: one entry is missing', terms: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
  { name: 'b: six entries are missing', terms: [1, 1, 1, 4] },
  { name: 'c: one entry too many', terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
  { name: 'd: two entries too many, of a later term', terms: [...figure7Leader, 7, 7] },
  { name: 'e: some are missing and some too many', terms: [1, 1, 1, 4, 4, 4, 4] },
  { name: 'f: two terms that the leader lacks', terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
] as const

for (const { name, terms } of figure7) {
  test(`§5.3: a leader makes a follower's log equal to its own (figure 7, ${name})`, (t) => {
    const three = clusterOf(
      [{ terms: figure7Leader, term: 7 }, { terms }, { terms: figure7Leader }],
      classic,
    )
    // Replica 3 alone votes: the one with the odd log may have a better one.
    three.block(({ to }) => to === 2).elect(1)

    three.heal().tick(5)

    t.deepEqual(termsOf(three.replica(2)), [...figure7Leader, 8])
    t.deepEqual(three.replica(2).disk.entries, three.replica(1).disk.entries)
  })
}

test('§5.3: entries are deleted from the first conflict on, and none before it', (t) => {
  const replica = lone([1, 1, 2, 2])

  replica.step(append({ term: 3, prevIndex: 1, prevTerm: 1, terms: [1, 3] }))
  replica.settle()

  t.deepEqual(termsOf(replica), [1, 1, 3])
})

test('§5.3: a new leader first tries every follower right behind its own last entry', (t) => {
  const three = clusterOf([{ terms: [1, 1, 2] }, { terms: [] }, { terms: [1] }], classic)

  three.elect(1)

  t.like(three.sentOf('append-entries').slice(0, 2), [
    { to: 2, prevIndex: 3, prevTerm: 2, entries: { firstIndex: 4, lastIndex: 4 } },
    { to: 3, prevIndex: 3, prevTerm: 2, entries: { firstIndex: 4, lastIndex: 4 } },
  ])
})

test('§5.3: after a refusal the leader goes back and tries again, until the logs meet', (t) => {
  const three = clusterOf(
    [{ terms: [1, 2, 4, 6, 8] }, { terms: [1, 3, 3, 5, 5, 7, 7] }, { terms: [1] }],
    classic,
  )
  three.block(({ to }) => to === 2).elect(1)

  three.heal().tick(5)
  const probes = three.sentOf('append-entries').filter(({ to }) => to === asReplica(2))
  const previous = new Set(probes.map(({ prevIndex }) => prevIndex as number))

  t.deepEqual([...previous].slice(0, 4), [5, 3, 2, 1])
  t.deepEqual(termsOf(three.replica(2)), [1, 2, 4, 6, 8, 9])
})

test('§5.3: once the logs meet they stay equal for the rest of the term', (t) => {
  const three = clusterOf([{ terms: [1, 2] }, { terms: [1, 1, 1] }, { terms: [1] }], classic)
  three.elect(1).tick(5)
  const refusals = (): number =>
    three.sentOf('append-entries-response').filter(({ rejected }) => rejected).length
  const before = refusals()

  for (let round = 0; round < 20; round++) three.replica(1).propose(40)
  three.tick(20)

  t.is(refusals(), before)
  for (const replica of three.replicas) {
    t.deepEqual(replica.disk.entries, three.replica(1).disk.entries)
  }
})

test('§5.3: a refusal names the last entry that may match and its term, so that a whole term costs one round', (t) => {
  const terms = [1, ...Array.from({ length: 200 }, () => 2)]
  const mine = [1, ...Array.from({ length: 200 }, () => 3)]
  const three = clusterOf([{ terms: mine }, { terms }, { terms: mine }], classic)

  three.elect(1)

  const refusals = three.sentOf('append-entries-response').filter(({ rejected }) => rejected)
  t.true(refusals.length <= 2, `${refusals.length} refusals`)
  t.deepEqual(three.replica(2).disk.entries, three.replica(1).disk.entries)
})

test('§5.3: a new leader does nothing special about logs: it begins to append, as ever', (t) => {
  const three = clusterOf([{ terms: [1, 1] }, { terms: [] }, { terms: [1, 1, 1] }], classic)

  three.block(({ to }) => to === 3).elect(1)
  const kinds = new Set(three.sent.filter(({ from }) => from === 1).map(({ kind }) => kind))

  t.deepEqual([...kinds].sort(), ['append-entries', 'request-vote'])
})

test('§5.3: a leader never overwrites or deletes entries of its own log', (t) => {
  const three = clusterOf([{ terms: [1, 1, 3] }, { terms: [1, 2] }, { terms: [1, 2] }], classic)
  const before = [...three.replica(1).disk.entries]

  three.elect(1)

  t.deepEqual(three.replica(1).disk.entries.slice(0, 3), before)
})

test('§5.3: a new entry costs one round of messages to a majority', (t) => {
  const three = cluster(3, classic).elect(1)
  const leading = three.replica(1)
  leading.propose(40)
  leading.takeReadies()
  const request = leading.takeOutgoing().find(({ to }) => to === asReplica(2))
  leading.settle()

  if (request !== undefined) three.replica(2).step(request)
  for (const answer of sentBy(three.replica(2))) leading.step(answer)

  t.is(leading.core.status().commitIndex, asIndex(2))
})

test('§5.3: one slow follower delays nothing', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ to }) => to === 3)

  for (let round = 0; round < 10; round++) {
    three.replica(1).propose(40)
    three.settle()
    t.is(three.replica(1).core.status().commitIndex, asIndex(2 + round))
  }
})
