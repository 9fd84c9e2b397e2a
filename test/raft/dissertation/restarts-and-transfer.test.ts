// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", §3.8 to §3.10, that states a behaviour
// beyond the paper, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../../src/base/ids.js'
import { cluster, type Cluster } from '../support/cluster.js'
import { append, appendResponse, requestVote, timeoutNow } from '../support/messages.js'
import { classic, leader, lone, sentBy } from '../support/roles.js'

test('§3.8: term and vote are on disk before a vote is told', (t) => {
  const replica = cluster(3).replica(2)
  replica.step(requestVote({ from: 1, to: 2, term: 1 }))
  replica.takeReadies()

  t.deepEqual(replica.takeOutgoing(), [])
  replica.completeWrite()
  t.like(replica.disk.hardState, { term: 1, vote: 1 })
  t.like(replica.takeOutgoing()[0], { kind: 'request-vote-response', rejected: false })
})

test('§3.8: so is a vote in a term that is on disk already', (t) => {
  const replica = lone([], 4)

  replica.step(requestVote({ from: 3, term: 4 }))
  replica.settle()
  replica.crash()

  t.like(replica.core.status(), { term: 4, vote: 3 })
})

test('§3.8: a candidate has its own vote on disk before it asks for others', (t) => {
  const replica = lone()
  replica.core.campaign()
  replica.takeReadies()

  t.deepEqual(replica.takeOutgoing(), [])
  while (replica.pendingWrites.length > 0) replica.completeWrite()

  t.like(replica.disk.hardState, { term: 1 })
  t.true(replica.takeOutgoing().length > 0)
})

test('§3.8: an entry is on disk before it counts toward a commit', (t) => {
  const follower = lone()
  follower.step(append({ term: 1, terms: [1] }))
  follower.takeReadies()

  t.deepEqual(follower.takeOutgoing(), [])
  follower.settle()
  t.is(follower.disk.lastIndex, 1)
  t.like(follower.takeOutgoing(), [{ kind: 'append-entries-response', index: 1 }])
})

test('§3.8: an entry of the leader is on its own disk before the leader counts itself', (t) => {
  const leading = cluster(3, classic).elect(1).replica(1)
  for (let entry = 0; entry < 2; entry++) {
    leading.propose(40)
    leading.takeReadies()
  }

  leading.step(appendResponse({ term: 1, index: 3 }))
  t.is(leading.core.status().commitIndex, asIndex(1))
  leading.completeWrite()
  t.is(leading.core.status().commitIndex, asIndex(2))
  leading.completeWrite()

  t.is(leading.core.status().commitIndex, asIndex(3))
})

test('§3.8: a server that restarts recovers its term, its vote and its log', (t) => {
  const three = cluster(3).elect(1)
  const before = three.replica(2).core.status()

  three.replica(2).crash()

  const { term, vote, lastIndex } = before
  t.like(three.replica(2).core.status(), { term, vote, lastIndex, role: 'follower' })
})

test('§3.8: a restart never makes a committed entry uncommitted', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(77)
  three.settle()

  for (const id of [1, 2, 3]) {
    three.checker.forget(id)
    three.replica(id).crash()
    three.tick(60)
  }

  for (const { disk } of three.replicas) t.like(disk.entries[1], { term: 1, bytes: 77 })
})

test('§3.8: the commit index may be lost: the next leader finds it again with an entry of its own', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40)
  three.settle()
  for (const { disk, id } of three.replicas) {
    disk.hardState = { ...disk.hardState, commitIndex: asIndex(0) }
    three.checker.forget(id)
    three.replica(id).crash()
  }
  t.is(three.replica(1).core.status().commitIndex, asIndex(0))

  three.elect(2)

  for (const { core } of three.replicas) t.is(core.status().commitIndex, asIndex(3))
})

test('§3.8: a volatile state machine is given its log again after a restart', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40, 41)
  three.settle()
  const before = three.replica(3).applied

  three.checker.forget(3)
  three.replica(3).crash()
  three.tick(6)

  t.deepEqual(three.replica(3).applied, before)
})

test('§3.8: a state machine that kept its state is given nothing twice', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40, 41)
  three.settle()
  three.replica(3).takeSnapshot()
  three.replica(1).propose(42)
  three.settle()

  three.checker.forget(3)
  three.replica(3).crash()
  t.is(three.replica(3).core.status().appliedIndex, asIndex(3))
  const ready = three.replica(3).core.takeReady()

  t.like(ready.committed, { firstIndex: 4, lastIndex: 4 })
})

test('§3.9: leadership changes hands without a loss of entries, as often as it may', (t) => {
  const three = cluster(3)
  for (let round = 0; round < 12; round++) {
    three.isolate(...three.leaders.map(({ id }) => id)).tick(60)
    three.heal().tick(60)
    t.is(three.leaders[0]?.propose(40 + round).kind, 'accepted')
    three.settle()
  }

  const bytes = three.replica(1).applied.map(({ entry }) => entry.bytes)
  t.deepEqual(
    bytes.filter((size) => size >= 40),
    Array.from({ length: 12 }, (_, round) => 40 + round),
  )
})

const beforeTransfer = (): Cluster => {
  const three = cluster(3)
    .elect(1)
    .block(({ to }) => to === 2)
  three.replica(1).propose(40)
  return three.settle()
}

test('§3.10: a leader that hands over takes no more requests', (t) => {
  const three = beforeTransfer()

  three.replica(1).core.transferLeadership(asReplica(2))

  t.like(three.replica(1).propose(40), { kind: 'dropped', reason: 'not-leader', leader: 2 })
})

test('§3.10: it first brings the log of the target up to its own, then tells it to campaign', (t) => {
  const three = beforeTransfer()

  three.replica(1).core.transferLeadership(asReplica(2))
  three.settle()
  t.is(three.sentOf('timeout-now').length, 0)
  three.heal().tick(10)

  t.true(three.replica(2).isLeader)
  t.like(three.replica(2).core.status(), { commitIndex: 3, lastIndex: 3 })
})

test('§3.10: a target that is up to date is told at once', (t) => {
  const three = cluster(3).elect(1)

  three.replica(1).core.transferLeadership(asReplica(3))

  t.like(sentBy(three.replica(1)), [{ kind: 'timeout-now', to: 3, term: 1 }])
})

test('§3.10: whoever is told so campaigns at once, as if its timeout had passed', (t) => {
  const replica = lone([1])

  replica.step(timeoutNow({ term: 1 }))

  t.like(replica.core.status(), { role: 'candidate', term: 2 })
})

test('§3.10: the request of the target makes the old leader step down, and the handing over is done', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).core.transferLeadership(asReplica(3))

  three.settle()

  t.like(three.replica(1).core.status(), { role: 'follower', term: 2, leader: 3, transferee: 0 })
})

test('§3.10: after an election timeout without success the leader takes requests again', (t) => {
  const three = cluster(3)
    .elect(1)
    .block(({ kind }) => kind === 'timeout-now')
  three.replica(1).core.transferLeadership(asReplica(2))

  three.tick(15)

  t.is(three.replica(1).propose(40).kind, 'accepted')
})

test('§3.10: a target that wakes up when the leader has given up costs an election, and nothing else', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ kind }) => kind === 'timeout-now')
  three.replica(1).core.transferLeadership(asReplica(2))
  three.tick(15)
  three.replica(1).propose(77)
  three.settle()

  const [late] = three.sentOf('timeout-now')
  if (late !== undefined) three.replica(2).step(late)
  three.heal().settle()

  t.deepEqual(three.leaders, [three.replica(2)])
  for (const { applied } of three.replicas) t.like(applied[1], { index: 2, entry: { bytes: 77 } })
  t.is(three.replica(2).propose(40).kind, 'accepted')
})

test('§3.10: a target whose log is not complete is not elected, and nothing is lost', (t) => {
  const three = cluster(3, classic).elect(1)
  three.block(({ to }) => to === 2)
  three.replica(1).propose(77)
  three.settle()

  three
    .heal()
    .replica(2)
    .step(timeoutNow({ from: 1, to: 2, term: 1 }))
  three.settle()

  t.false(three.replica(2).isLeader)
  for (const id of [1, 3]) t.like(three.replica(id).disk.entries[1], { bytes: 77 })
})

test('§3.10: a leadership ends with a handing over only if the target wins', (t) => {
  const replica = leader()
  replica.step(appendResponse({ term: 1, index: 1 }))

  replica.core.transferLeadership(asReplica(2))

  t.is(replica.core.status().term, asTerm(1))
  t.true(replica.isLeader)
})
