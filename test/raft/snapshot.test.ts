import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import type { InstallSnapshot } from '../../src/raft/messages.js'
import type { ProgressStatus } from '../../src/raft/ready.js'
import { cluster, clusterOf, type Cluster } from './support/cluster.js'
import { append, appendResponse, installSnapshot, votersOnly } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

/** Three replicas of which the third lacks what replica 1, which leads, has compacted up to `index`. */
function behind(index: number, settings = {}): Cluster {
  const three = cluster(3, settings).elect(1).isolate(3)
  while (three.replica(1).core.status().lastIndex < index) {
    three.replica(1).propose(40)
    three.settle()
  }
  three.replica(1).takeSnapshot()
  return three
}

const progressOf = (leader: TestReplica, id: number): ProgressStatus | undefined =>
  leader.core.status().progress.find((progress) => progress.id === asReplica(id))

const snapshotsTo = (three: Cluster, id: number): InstallSnapshot[] =>
  three.sentOf('install-snapshot').filter(({ to }) => to === asReplica(id))

test('R10: a follower behind the compacted log gets exactly one snapshot, and then entries', (t) => {
  const three = behind(6)

  three.heal().tick(11)
  three.replica(1).propose(50)
  three.settle()

  t.is(snapshotsTo(three, 3).length, 1)
  t.like(three.replica(3).core.status(), { firstIndex: 7, lastIndex: 7, appliedIndex: 7 })
  t.is(three.replica(3).applied.length, 7)
})

test('S01: a snapshot at the last index leads straight to replication', (t) => {
  const three = behind(5).heal()

  three.tick(6)

  t.like(progressOf(three.replica(1), 3), { state: 'replicate', matchIndex: 5, nextIndex: 6 })
})

test('S02: a snapshot older than the one that is expected is used when the log goes on behind it', (t) => {
  const three = behind(5)
  three.block((m) => m.kind === 'install-snapshot').tick(6)
  const leader = three.replica(1)
  t.like(progressOf(leader, 3), { state: 'snapshot', pendingSnapshotIndex: 5, paused: true })
  leader.propose(40)
  three.settle()
  leader.takeSnapshot()

  leader.step(appendResponse({ from: 3, term: 1, index: 5 }))
  t.like(progressOf(leader, 3), { state: 'snapshot', matchIndex: 5 })
  leader.step(appendResponse({ from: 3, term: 1, index: 6 }))

  t.like(progressOf(leader, 3), { state: 'replicate', matchIndex: 6, pendingSnapshotIndex: 0 })
})

test('while a snapshot is on its way nothing else is sent, and a failed one is sent again', (t) => {
  const three = behind(5).block((m) => m.kind === 'install-snapshot')
  three.tick(20)
  const leader = three.replica(1)
  t.is(snapshotsTo(three, 3).length, 1)

  leader.core.reportSnapshot(asReplica(3), 'failed')
  three.heal().tick(6)

  t.is(snapshotsTo(three, 3).length, 2)
  t.is(three.replica(3).core.status().lastIndex, asIndex(5))
})

test('after a delivered snapshot the follower is probed behind it, once it shows a sign of life', (t) => {
  const three = behind(5).block((m) => m.kind === 'install-snapshot')
  three.tick(6)
  const leader = three.replica(1)

  leader.core.reportSnapshot(asReplica(3), 'delivered')
  leader.settle()

  t.like(progressOf(leader, 3), { state: 'probe', nextIndex: 6, paused: true })
})

test('a follower that was not heard of gets no snapshot', (t) => {
  const three = behind(5, { checkQuorum: false })
  three.tick(20, 1)

  t.is(snapshotsTo(three, 3).length, 0)
})

test('a snapshot is acknowledged only when it is durable', (t) => {
  const replica = clusterOf([{ terms: [1] }, { terms: [] }, { terms: [] }]).replica(1)

  replica.step(installSnapshot({ term: 3, index: 9, snapshotTerm: 2 }))
  replica.takeReadies()
  t.deepEqual(replica.takeOutgoing(), [])
  t.like(replica.core.status(), { durableIndex: 0, commitIndex: 9, lastIndex: 9, lastTerm: 2 })
  replica.settle()

  t.like(replica.takeOutgoing()[0], { kind: 'append-entries-response', index: 9, rejected: false })
  t.like(replica.core.status(), { durableIndex: 9, appliedIndex: 9 })
})

test('a Ready with a snapshot replaces the log, also entries that were to be written', (t) => {
  const { core } = clusterOf([{ terms: [1, 1, 1] }, { terms: [] }]).replica(1)
  core.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [2] }))
  core.step(installSnapshot({ term: 2, index: 9, snapshotTerm: 2 }))
  core.step(append({ term: 2, prevIndex: 9, prevTerm: 2, terms: [2, 2] }))

  const ready = core.takeReady()

  t.like(ready, { snapshot: { index: 9, term: 2 }, mustSync: true, truncateFrom: undefined })
  t.is(ready.entries?.firstIndex, asIndex(10))
  t.is(ready.committed, undefined)
})

test('entries behind a snapshot wait until the state machine has taken it', (t) => {
  const { core } = clusterOf([{ terms: [] }, { terms: [] }]).replica(1)
  core.step(installSnapshot({ term: 2, index: 9, snapshotTerm: 2 }))
  const { term } = core.status()
  core.step(append({ term, prevIndex: 9, prevTerm: 2, terms: [2], commitIndex: 10 }))
  t.is(core.takeReady().committed, undefined)
  core.campaign()
  t.is(core.status().role, 'follower', 'nor may it campaign')

  core.acknowledgeApplied(asIndex(9))

  t.deepEqual(core.takeReady().committed as unknown, { firstIndex: 10, lastIndex: 10 })
})

test('the late completion of a write from before a snapshot proves nothing about it', (t) => {
  const { core } = clusterOf([{ terms: [1] }, { terms: [] }]).replica(1)
  core.step(append({ term: 2, prevIndex: 1, prevTerm: 1, terms: [2, 2] }))
  const before = core.takeReady().acknowledgement
  core.step(installSnapshot({ term: 3, index: 3, snapshotTerm: 3 }))
  const after = core.takeReady().acknowledgement

  if (before) core.acknowledge(before)
  t.is(core.status().durableIndex, asIndex(0))
  if (after) core.acknowledge(after)
  t.is(core.status().durableIndex, asIndex(3))
})

test('a snapshot of what the log has only moves the commit index on', (t) => {
  const replica = clusterOf([{ terms: [1, 1, 2] }, { terms: [] }]).replica(1)

  replica.step(installSnapshot({ term: 2, index: 2, snapshotTerm: 1 }))
  replica.settle()

  t.like(replica.core.status(), { commitIndex: 2, lastIndex: 3, firstIndex: 1 })
  t.like(replica.takeOutgoing()[0], { index: 2, rejected: false })
})

test('a snapshot from below the commit index is answered with the commit index', (t) => {
  const replica = clusterOf([{ terms: [1, 1, 1] }, { terms: [] }]).replica(1)
  replica.step(append({ term: 1, prevIndex: 3, prevTerm: 1, commitIndex: 3 }))
  replica.settle()
  replica.takeOutgoing()

  replica.step(installSnapshot({ term: 1, index: 2, snapshotTerm: 1 }))
  replica.settle()

  t.like(replica.takeOutgoing()[0], { index: 3, rejected: false })
  t.is(replica.core.status().lastIndex, asIndex(3))
})

test('a replica may get a snapshot that is older than its own addition', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  four.replica(1).takeSnapshot()

  four.replica(1).proposeChange('v4')
  four.settle().tick(6)

  t.is(snapshotsTo(four, 4).length, 1)
  t.deepEqual(four.replica(4).core.status().configuration, votersOnly(1, 2, 3, 4))
})

test('a snapshot brings its configuration, which survives a crash', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] })
    .elect(1)
    .isolate(4)
  four.replica(1).proposeChange('l4')
  four.settle()
  four.replica(1).takeSnapshot()
  four.heal().tick(6)
  const expected = { ...votersOnly(1, 2, 3), learners: [asReplica(4)] }
  t.deepEqual(four.replica(4).core.status().configuration, expected)

  four.replica(4).crash()

  t.deepEqual(four.replica(4).core.status().configuration, expected)
  t.like(four.replica(4).core.status(), { appliedIndex: 2, firstIndex: 3 })
})

test('a follower thousands of entries behind a compacted log breaks nothing', (t) => {
  const three = cluster(3).elect(1).isolate(3)
  const leader = three.replica(1)
  leader.core.propose(0, new Uint32Array(6000).fill(33))
  three.settle()
  leader.core.compactBefore(asIndex(5000))

  three.heal().tick(11)

  t.is(progressOf(leader, 3)?.state, 'probe')
  leader.takeSnapshot()
  three.tick(11)
  t.is(three.replica(3).core.status().lastIndex, asIndex(6001))
})

test('a new leader can send the snapshot that it was sent itself', (t) => {
  const three = behind(5).heal().tick(6)
  three.isolate(2)
  three.replica(3).takeSnapshot()
  three.replica(1).core.transferLeadership(asReplica(3))
  three.settle()

  t.true(three.replica(3).isLeader)
  t.is(three.replica(3).core.status().firstIndex, asIndex(6))
})

test('what a snapshot replaces in the turn that took it is not acknowledged to its leader (P2)', (t) => {
  const replica = clusterOf([{ terms: [1] }, { terms: [] }]).replica(1)
  replica.step(append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1, 1, 1, 1] }))

  replica.step(installSnapshot({ term: 2, index: 3, snapshotTerm: 2 }))

  const { messagesAfterPersist } = replica.core.takeReady()
  t.deepEqual(
    messagesAfterPersist.map((m) => m.kind === 'append-entries-response' && [m.term, m.index]),
    [[2, 3]],
  )
})
