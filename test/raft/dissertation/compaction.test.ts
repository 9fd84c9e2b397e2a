// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", chapter 5, that states a behaviour of the
// core, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../../src/base/ids.js'
import { cluster, clusterOf, type Cluster } from '../support/cluster.js'
import { append, installSnapshot, requestVote, votersOnly } from '../support/messages.js'
import { lone, sentBy, termsOf } from '../support/roles.js'

/** Three replicas of which the third lacks what replica 1, which leads, has compacted up to index 5. */
function behind(): Cluster {
  const three = cluster(3).elect(1).isolate(3)
  three.replica(1).propose(40, 41, 42, 43)
  three.settle()
  three.replica(1).takeSnapshot()
  return three
}

test('§5: every server compacts its log by itself, and the others need not know', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40, 41)
  three.settle()

  three.replica(2).takeSnapshot()
  three.replica(1).propose(42)
  three.tick(10)

  t.deepEqual(
    three.replicas.map(({ core }) => core.status().firstIndex as number),
    [1, 4, 1],
  )
  for (const { applied } of three.replicas) t.is(applied.length, 4)
  t.is(three.sentOf('install-snapshot').length, 0)
})

test('§5: only what is applied, and so committed, is compacted', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  three.replica(1).propose(40)
  three.replica(1).settle()

  t.throws(
    () => {
      three.replica(1).core.compactBefore(asIndex(3))
    },
    { message: /R10 / },
  )
})

test('§5: the term of the last compacted entry is kept, for the check of the first one behind it', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40)
  three.settle()
  three.replica(2).takeSnapshot()

  const { core } = three.replica(2)
  core.step(append({ from: 1, to: 2, term: 1, prevIndex: 2, prevTerm: 1, terms: [1] }))

  t.like(core.status(), { firstIndex: 3, lastIndex: 3 })
  t.like(sentBy(three.replica(2)), [{ kind: 'append-entries-response', index: 3, rejected: false }])
})

test('§5: an append behind the compacted entries is refused where the terms differ', (t) => {
  const three = behind().heal().tick(10)
  const follower = three.replica(3)
  follower.step(append({ from: 1, to: 3, term: 1, prevIndex: 5, prevTerm: 1, terms: [1] }))
  sentBy(follower)

  follower.step(append({ from: 2, to: 3, term: 4, prevIndex: 6, prevTerm: 4, terms: [4] }))

  t.like(sentBy(follower), [{ rejected: true, rejectHintIndex: 6, rejectHintTerm: 1 }])
})

test('§5: a voter whose log is all compacted still compares it', (t) => {
  const replica = lone()
  replica.step(installSnapshot({ term: 2, index: 9, snapshotTerm: 2 }))
  replica.settle()
  replica.takeOutgoing()

  replica.step(requestVote({ from: 3, term: 3, lastIndex: 8, lastTerm: 2 }))
  replica.step(requestVote({ from: 2, term: 3, lastIndex: 9, lastTerm: 2 }))

  t.is(replica.core.status().vote, asReplica(2))
})

test('§5: a snapshot brings the configuration that was in force at its last entry', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] })
    .elect(1)
    .isolate(4)
  four.replica(1).proposeChange('v4')
  four.settle()
  four.replica(1).takeSnapshot()

  four.heal().tick(6)

  t.deepEqual(four.replica(4).core.status().configuration, votersOnly(1, 2, 3, 4))
  t.is(four.sentOf('install-snapshot').length, 1)
})

test('§5: a restart begins at the snapshot and goes on with the log behind it', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40, 41)
  three.settle()
  three.replica(2).takeSnapshot()
  three.replica(1).propose(42)
  three.settle()

  three.checker.forget(2)
  three.replica(2).crash()
  t.like(three.replica(2).core.status(), { appliedIndex: 3, firstIndex: 4, lastIndex: 4 })
  three.tick(6)

  t.is(three.replica(2).applied.length, 4)
})

test('§5.1: a follower that needs what the leader has discarded is sent a snapshot, and then entries', (t) => {
  const three = behind()

  three.heal().tick(11)
  three.replica(1).propose(50)
  three.settle()

  t.is(three.sentOf('install-snapshot').length, 1)
  t.like(three.replica(3).core.status(), { firstIndex: 6, lastIndex: 6, appliedIndex: 6 })
})

test('§5.1: a server that joins gets its beginning as a snapshot', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  four.replica(1).propose(40, 41)
  four.settle()
  four.replica(1).takeSnapshot()

  four.replica(1).proposeChange('l4')
  four.settle().tick(6)

  t.is(four.sentOf('install-snapshot').length, 1)
  t.deepEqual(four.replica(4).applied, four.replica(1).applied)
})

test('§5.1: a follower with the entries is sent entries, although there is a snapshot', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40)
  three.settle()
  three.replica(1).takeSnapshot()

  three.replica(1).propose(41)
  three.tick(10)

  t.is(three.sentOf('install-snapshot').length, 0)
})

test('§5.1: a snapshot with news takes the place of the whole log, also of entries that contradict it', (t) => {
  const three = clusterOf([{ terms: [1, 2, 2] }, { terms: [1, 2, 2] }, { terms: [1, 1, 1, 1, 1] }])
  three.isolate(3).elect(1)
  three.replica(1).takeSnapshot()

  three.heal().tick(11)

  t.is(three.sentOf('install-snapshot').length, 1)
  t.deepEqual(termsOf(three.replica(3)), [1, 2, 2, 3])
  t.like(three.replica(3).core.status(), { firstIndex: 5, lastIndex: 4 })
})

test('§5.1: a snapshot of a part of the log keeps the entries behind it', (t) => {
  const replica = lone([1, 1, 2])

  replica.step(installSnapshot({ term: 2, index: 2, snapshotTerm: 1 }))
  replica.settle()

  t.deepEqual(termsOf(replica), [1, 1, 2])
  t.like(replica.core.status(), { commitIndex: 2, lastIndex: 3 })
})

test('§5.1: a snapshot that comes twice, or late, changes nothing', (t) => {
  const three = behind().heal().tick(10)
  const follower = three.replica(3)
  const before = follower.core.status()
  t.is(before.appliedIndex, asIndex(5))

  for (const message of three.sentOf('install-snapshot')) follower.step(message)
  follower.step(installSnapshot({ from: 1, to: 3, term: 1, index: 4, snapshotTerm: 1 }))
  follower.settle()

  t.deepEqual(follower.core.status(), before)
})

test('§5.1: a snapshot of an earlier leader is refused', (t) => {
  const replica = lone([1], 3)

  replica.step(installSnapshot({ term: 2, index: 9, snapshotTerm: 2 }))
  replica.settle()

  t.like(replica.core.status(), { lastIndex: 1, term: 3, leader: 0 })
})

test('§5.1: the state machine continues from the snapshot', (t) => {
  const three = behind()

  three.heal().tick(11)

  t.deepEqual(three.replica(3).applied, three.replica(1).applied)
  t.is(three.replica(3).core.status().appliedIndex, asIndex(5))
})

test('§5.1: a follower that is being sent a snapshot hears its leader, however long that takes', (t) => {
  const three = behind().block(({ kind }) => kind === 'install-snapshot')

  three.tick(200)

  t.is(three.sentOf('install-snapshot').length, 1)
  t.like(three.replica(3).core.status(), { role: 'follower', leader: 1, term: asTerm(1) })
})

test('§5.1: a slow follower that is sent a snapshot delays nothing', (t) => {
  const three = behind().block(({ kind }) => kind === 'install-snapshot')
  three.tick(10)

  three.replica(1).propose(50)
  three.settle()

  t.is(three.replica(1).core.status().commitIndex, asIndex(6))
})
