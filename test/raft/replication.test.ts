import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { cluster, clusterOf } from './support/cluster.js'
import { append, appendResponse, heartbeat } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

const terms = (replica: TestReplica): number[] => replica.disk.entries.map(({ term }) => term)

/** The acknowledgements that a follower gave, as [index, rejected, hint index, hint term]. */
function acknowledgements(replica: TestReplica): unknown[] {
  replica.settle()
  return replica
    .takeOutgoing()
    .flatMap((m) =>
      m.kind === 'append-entries-response'
        ? [[m.index, m.rejected, m.rejectHintIndex, m.rejectHintTerm]]
        : [],
    )
}

const follower = (given: readonly number[], term?: number): TestReplica =>
  clusterOf([{ terms: given, ...(term !== undefined && { term }) }, { terms: [] }]).replica(1)

test('R02: a leader brings every log of figure 7 in line, with a bounded number of probes', (t) => {
  const leaderTerms = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
  const seven = clusterOf([
    { terms: leaderTerms, term: 7 },
    { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6] },
    { terms: [1, 1, 1, 4] },
    { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6] },
    { terms: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7] },
    { terms: [1, 1, 1, 4, 4, 4, 4] },
    { terms: [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3] },
  ])

  seven.elect(1)

  for (const replica of seven.replicas) t.deepEqual(terms(replica), [...leaderTerms, 8])
  const rejections = seven.sentOf('append-entries-response').filter((m) => m.rejected)
  for (const id of [2, 3, 4, 5, 6, 7]) {
    const count = rejections.filter(({ from }) => from === asReplica(id)).length
    t.true(count <= 2, `replica ${id} was probed ${count} times in vain`)
  }
})

test('R03: a late append that ends early truncates nothing', (t) => {
  const replica = follower([1, 1, 1, 1])

  replica.step(append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1] }))

  t.deepEqual(acknowledgements(replica), [[2, false, 0, 0]])
  t.deepEqual(terms(replica), [1, 1, 1, 1])
})

test('what is replaced in the turn that took it is not acknowledged to its leader (P2)', (t) => {
  const replica = follower([1])
  replica.step(append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1] }))
  replica.step(append({ term: 1, prevIndex: 2, prevTerm: 1, terms: [1, 1] }))

  replica.step(append({ term: 2, prevIndex: 2, prevTerm: 1, terms: [2] }))

  t.deepEqual(acknowledgements(replica), [
    [2, false, 0, 0],
    [3, false, 0, 0],
  ])
})

test('R03: a duplicate of an append changes nothing and is acknowledged again', (t) => {
  const replica = follower([1])
  const message = append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1, 1] })

  replica.step(message)
  replica.step(message)

  t.deepEqual(acknowledgements(replica), [
    [3, false, 0, 0],
    [3, false, 0, 0],
  ])
  t.deepEqual(terms(replica), [1, 1, 1])
})

test('R04: probing costs a round per term, not per entry', (t) => {
  const common = [1]
  const ours = [...common, ...Array.from({ length: 500 }, () => 5)]
  const theirs = [...common, ...Array.from({ length: 500 }, (_, at) => 2 + Math.floor(at / 250))]
  const two = clusterOf([{ terms: ours, term: 6 }, { terms: theirs }])

  two.elect(1)

  t.deepEqual(terms(two.replica(2)), [...ours, 7])
  t.true(two.sentOf('append-entries-response').filter((m) => m.rejected).length <= 3)
})

const hints = [
  { name: 'its end when it is too short', log: [1, 1], prev: [9, 4], hint: [2, 1] },
  { name: 'the end of the terms that can match', log: [1, 1, 3, 3], prev: [4, 2], hint: [2, 1] },
  { name: 'an index of the same term', log: [1, 4, 4], prev: [7, 4], hint: [3, 4] },
  { name: 'the empty beginning', log: [5, 5], prev: [2, 2], hint: [0, 0] },
] as const

for (const { name, log, prev, hint } of hints) {
  test(`R04: a follower that refuses an append hints at ${name}`, (t) => {
    const replica = follower(log, 6)

    replica.step(append({ term: 6, prevIndex: prev[0], prevTerm: prev[1], terms: [6] }))

    t.deepEqual(acknowledgements(replica), [[prev[0], true, ...hint]])
  })
}

test('R05: an append that would truncate below the commit index stops the replica', (t) => {
  const replica = follower([1, 1, 1])
  replica.step(heartbeat({ term: 2, commitIndex: 2 }))

  t.throws(() => replica.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [2] })), {
    message: /R6/,
  })
})

test('R05: nothing of a compacted log is taken for a conflict', (t) => {
  const replica = follower([1, 1, 2])
  replica.step(heartbeat({ term: 2, commitIndex: 3 }))
  replica.settle()
  replica.core.compactBefore(3 as never)

  replica.step(append({ term: 2, prevIndex: 0, terms: [1, 1, 2] }))

  t.is(replica.core.status().commitIndex, asIndex(3))
})

test('R05: a late append from below the commit index is answered with the commit index', (t) => {
  const replica = follower([1, 1, 1])
  replica.step(heartbeat({ term: 2, commitIndex: 3 }))

  replica.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [1] }))

  t.deepEqual(acknowledgements(replica), [[3, false, 0, 0]])
  t.deepEqual(terms(replica), [1, 1, 1])
})

test('R05: a leader that claims a commit beyond the log stops the replica', (t) => {
  const replica = follower([1])

  t.throws(() => replica.step(heartbeat({ term: 1, commitIndex: 2 })), { message: /R5/ })
})

test('a conflicting suffix is replaced, on disk too', (t) => {
  const replica = follower([1, 2, 2, 2])

  replica.step(append({ term: 3, prevIndex: 1, prevTerm: 1, terms: [3] }))
  const ready = replica.core.takeReady()

  t.is(ready.truncateFrom as number, 2)
  t.deepEqual(ready.entries?.runs as unknown, [{ term: 3, kind: 0, count: 1 }])
})

test('R08: lost acknowledgements do not stop the flow: a heartbeat answer brings an empty append', (t) => {
  const three = cluster(3, { inflightMessagesMax: 3 }).elect(1)
  three.isolate(3)
  for (let i = 0; i < 6; i++) {
    three.replica(1).propose(40)
    three.settle()
  }
  const paused = three.replica(1).core.status().progress[2]
  t.like(paused, { paused: true, inflightMessages: 3 })

  three.heal().tick(6)

  t.is(three.replica(3).core.status().commitIndex, asIndex(7))
  t.like(three.replica(1).core.status().progress[2], { paused: false, inflightMessages: 0 })
})

test('R08: the window also bounds bytes', (t) => {
  const three = cluster(3, { inflightBytesMax: 100, appendBytesMax: 50 }).elect(1).isolate(3)

  three.replica(1).propose(...Array.from({ length: 20 }, () => 40))
  three.settle()

  const progress = three.replica(1).core.status().progress[2]
  t.like(progress, { paused: true, inflightMessages: 3, inflightBytes: 120 })
})

test('R08: an unreachable follower is probed until it answers', (t) => {
  const two = cluster(2).elect(1).isolate(2)
  const leader = two.replica(1)
  leader.propose(40)
  two.settle()

  leader.core.reportUnreachable(asReplica(2))
  t.is(leader.core.status().progress[1]?.state, 'probe')
  two.heal().tick(6)

  t.like(leader.core.status().progress[1], { state: 'replicate', matchIndex: 2 })
})

test('R09: a commit index that one follower missed reaches it with the next heartbeat', (t) => {
  const three = cluster(3).elect(1)
  three.block((m) => m.to === asReplica(3) && m.kind === 'append-entries' && m.entries === null)
  three.replica(1).propose(40)
  three.settle()
  t.is(three.replica(3).core.status().commitIndex, asIndex(1))

  three.tick(5)

  t.is(three.replica(3).core.status().commitIndex, asIndex(2))
})

test('a heartbeat never tells a follower to commit what it does not hold', (t) => {
  const three = cluster(3).elect(1).isolate(3)
  three.replica(1).propose(40, 40, 40)
  three.tick(5)

  const last = three.sentOf('heartbeat').findLast(({ to }) => to === asReplica(3))
  t.is(last?.commitIndex as number, 1)
})

test('an append holds at most the bytes of its limit, but at least one entry', (t) => {
  const two = cluster(2, { appendBytesMax: 100 }).elect(1)

  two.replica(1).propose(60, 60, 500, 30, 30, 30, 30)
  two.settle()

  const sizes = two
    .sentOf('append-entries')
    .flatMap(({ entries }) => (entries ? [[...entries.byteLengths]] : []))
  t.deepEqual(sizes.slice(1), [[60], [60], [500], [30, 30, 30], [30]])
})

test('an append holds at most the entries of its limit', (t) => {
  const two = cluster(2, { appendEntriesMax: 4 }).elect(1)

  two.replica(1).propose(...Array.from({ length: 10 }, () => 40))
  two.settle()

  const counts = two.sentOf('append-entries').map(({ entries }) => entries?.byteLengths.length ?? 0)
  t.is(Math.max(...counts), 4)
  t.is(two.replica(2).disk.lastIndex, 11)
})

test('R16: a rejection of a higher term makes the leader step down once', (t) => {
  const leader = cluster(3).elect(1).replica(1)
  const rejection = appendResponse({ term: 9, index: 1, rejected: true })

  leader.step(rejection)
  leader.step(rejection)

  t.like(leader.core.status(), { role: 'follower', term: 9, vote: 0 })
})

test('R16: a rejection from outside the configuration is ignored, whatever its term', (t) => {
  const leader = cluster(3).elect(1).replica(1)

  leader.step(appendResponse({ from: 9, term: 99, index: 1, rejected: true }))

  t.like(leader.core.status(), { role: 'leader', term: 1 })
})

test('a follower that needs compacted entries is asked once a heartbeat, and nothing breaks', (t) => {
  const three = cluster(3).elect(1).isolate(3)
  const leader = three.replica(1)
  leader.propose(40, 40)
  three.settle()

  leader.core.compactBefore(4 as never)
  const before = three.sentOf('append-entries').length
  three.heal().tick(50)

  const probes = three.sentOf('append-entries').length - before
  t.true(probes <= 10, `${probes} probes in ten heartbeats`)
  t.is(three.replica(3).disk.lastIndex, 1)
  t.true(leader.isLeader)
})

test('a follower that is said to need compacted entries, but has them, is found again', (t) => {
  const two = cluster(2).elect(1)
  const leader = two.replica(1)
  leader.propose(40, 40, 40)
  two.settle()
  leader.core.compactBefore(4 as never)
  two.replica(2).crash()
  two.isolate(2).tick(40).heal()
  two.elect(1)

  // The answer that the follower would have given before it had anything.
  leader.step(appendResponse({ term: 2, index: 4, rejected: true, hint: [1, 1] }))
  leader.propose(50)
  two.tick(10)

  t.is(two.replica(2).disk.lastIndex, leader.disk.lastIndex)
})

test('what is not applied cannot be compacted', (t) => {
  const leader = cluster(3).elect(1).replica(1)

  t.throws(() => leader.core.compactBefore(3 as never), { message: /R10/ })
})

test('a message that is addressed to another replica stops the core', (t) => {
  t.throws(() => follower([]).step(heartbeat({ term: 1, to: 2 })), { message: /R14/ })
})

test('an append whose entries do not follow its prevIndex stops the core', (t) => {
  const message = append({ term: 1, terms: [1] })
  const shifted = { ...message, entries: append({ term: 1, prevIndex: 4, terms: [1] }).entries }

  t.throws(() => follower([]).step(shifted), { message: /R8/ })
})

test('a second leader of the same term stops the core', (t) => {
  const leader = cluster(3).elect(1).replica(1)

  t.throws(() => leader.step(heartbeat({ term: 1 })), { message: /R2/ })
})
