import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { cluster, clusterOf } from './support/cluster.js'
import { append, appendResponse } from './support/messages.js'

const commitIndexes = (...replicas: { core: { status(): { commitIndex: number } } }[]): number[] =>
  replicas.map(({ core }) => core.status().commitIndex)

test('R01: figure 8: an entry of an old term is not committed by counting replicas', (t) => {
  // (c) of the figure: S1 leads term 4, its entry of term 2 reaches a majority.
  const five = clusterOf(
    [
      { terms: [1, 2], term: 3 },
      { terms: [1, 2], term: 2 },
      { terms: [1] },
      { terms: [1] },
      { terms: [1, 3], term: 3 },
    ],
    { preVote: false, checkQuorum: false },
  )
  // The entry of term 4 itself reaches nobody.
  five.block((m) => m.kind === 'append-entries' && (m.entries?.runs.at(-1)?.term ?? 0) >= 4)
  five.replica(1).core.campaign()
  five.settle()
  const leader = five.replica(1)
  for (const from of [2, 3]) leader.step(appendResponse({ from, term: 4, index: 2 }))
  five.settle()
  t.true(leader.isLeader)
  t.deepEqual(commitIndexes(leader), [0])

  // (d): S5 may still win and overwrite it; (e): with an entry of term 4 on a majority both are committed.
  leader.step(appendResponse({ from: 2, term: 4, index: 3 }))
  leader.step(appendResponse({ from: 3, term: 4, index: 3 }))

  t.deepEqual(commitIndexes(leader), [3])
})

test('R06: the late completion of an overwritten entry does not vouch for its successor (ABA)', (t) => {
  // Index 2 is written in term 1, overwritten in term 2, and written again as the entry of term 1 in term 3.
  const three = clusterOf([{ terms: [1] }, { terms: [1] }, { terms: [1] }])
  const replica = three.replica(1)
  const writes = [
    append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, terms: [1] }),
    append({ from: 3, term: 2, prevIndex: 1, prevTerm: 1, terms: [2] }),
    append({ from: 2, term: 3, prevIndex: 1, prevTerm: 1, terms: [1] }),
  ].map((message) => {
    replica.step(message)
    return replica.core.takeReady().acknowledgement
  })

  const durable = writes.map((write) => {
    if (write !== undefined) replica.core.acknowledge(write)
    return replica.core.status().durableIndex
  })

  t.deepEqual(durable, [1, 1, 2])
})

test('R06: within one term a completion vouches only for what is still in the log', (t) => {
  const replica = clusterOf([{ terms: [1] }, { terms: [] }]).replica(1)
  replica.step(append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1, 1, 1, 1] }))
  const first = replica.core.takeReady().acknowledgement
  replica.step(append({ term: 2, prevIndex: 2, prevTerm: 1, terms: [2] }))
  replica.core.takeReady()

  if (first !== undefined) replica.core.acknowledge(first)

  t.is(replica.core.status().durableIndex, asIndex(2))
})

test('acknowledging a later write acknowledges the earlier ones', (t) => {
  const replica = clusterOf([{ terms: [] }, { terms: [] }]).replica(1)
  replica.step(append({ term: 1, terms: [1] }))
  replica.core.takeReady()
  replica.step(append({ term: 1, prevIndex: 1, prevTerm: 1, terms: [1] }))
  const second = replica.core.takeReady().acknowledgement

  if (second !== undefined) replica.core.acknowledge(second)

  t.is(replica.core.status().durableIndex, asIndex(2))
})

test('an acknowledgement of a write that was never handed out stops the core', (t) => {
  const { core } = cluster(1).replica(1)
  const made = { writeNumber: 3, durableIndex: 0 as never, term: 0 as never }

  t.throws(() => core.acknowledge(made), { message: /R13/ })
})

test('R07: a quorum of followers commits while the own disk of the leader is slow', (t) => {
  const three = cluster(3).elect(1)
  const leader = three.replica(1)
  leader.propose(40)
  leader.takeReadies()
  for (const message of leader.takeOutgoing()) three.replica(message.to).step(message)
  for (const id of [2, 3]) {
    const replica = three.replica(id)
    replica.settle()
    for (const message of replica.takeOutgoing()) leader.step(message)
  }

  t.like(leader.core.status(), { commitIndex: 2, durableIndex: 1 })
  t.like(leader.core.status().progress[0], { id: 1, matchIndex: 1 })
})

test('R07: with applyBeforeDurable off, entries are applied only when they are durable here', (t) => {
  const single = cluster(1, { applyBeforeDurable: false }).elect(1).replica(1)
  const three = cluster(3, { applyBeforeDurable: false }).elect(1)
  const leader = three.replica(1)
  leader.propose(40)
  leader.takeReadies()
  for (const from of [2, 3]) leader.step(appendResponse({ from, term: 1, index: 2 }))
  leader.takeReadies()

  t.like(leader.core.status(), { commitIndex: 2, appliedIndex: 1 })
  leader.settle()
  t.like(leader.core.status(), { commitIndex: 2, appliedIndex: 2 })
  t.is(single.core.status().appliedIndex, asIndex(1))
})

test("a leader's own entries count only when they are durable", (t) => {
  const two = cluster(2).elect(1)
  const leader = two.replica(1)
  leader.propose(40)
  leader.takeReadies()
  for (const message of leader.takeOutgoing()) two.replica(2).step(message)
  two.replica(2).settle()
  for (const message of two.replica(2).takeOutgoing()) leader.step(message)
  t.deepEqual(commitIndexes(leader), [1])

  leader.completeWrite()

  t.deepEqual(commitIndexes(leader), [2])
})

test('a follower acknowledges an append only when it is durable', (t) => {
  const follower = cluster(3).replica(2)
  follower.step(append({ from: 1, to: 2, term: 1, terms: [1] }))
  follower.takeReadies()
  t.deepEqual(follower.takeOutgoing(), [])

  follower.completeWrite()

  t.like(follower.takeOutgoing()[0], { kind: 'append-entries-response', index: 1 })
})

test('the acknowledgement of a duplicate waits for the write of the original', (t) => {
  const follower = cluster(3).replica(2)
  const message = append({ from: 1, to: 2, term: 1, terms: [1] })
  follower.step(message)
  follower.takeReadies()

  follower.step(message)
  follower.takeReadies()

  t.deepEqual(follower.takeOutgoing(), [])
  follower.settle()
  t.is(follower.takeOutgoing().length, 2)
})

test('a commit index alone needs no sync', (t) => {
  const follower = cluster(3).replica(2)
  follower.step(append({ from: 1, to: 2, term: 1, terms: [1] }))
  follower.settle()

  follower.step(append({ from: 1, to: 2, term: 1, prevIndex: 1, prevTerm: 1, commitIndex: 1 }))
  const ready = follower.core.takeReady()

  t.like(ready, { mustSync: false, hardState: { commitIndex: 1 } })
  t.is(ready.acknowledgement, undefined)
})

test('R11: proposals beyond the uncommitted limit are refused, and commits make room again', (t) => {
  const three = cluster(3, { uncommittedBytesMax: 100 }).elect(1)
  const leader = three.replica(1)
  three.isolate(1)

  t.is(leader.propose(60).kind, 'accepted')
  t.is(leader.propose(40).kind, 'accepted')
  t.like(leader.propose(1), { kind: 'dropped', reason: 'uncommitted-limit', leader: 1 })
  three.heal().tick(5)

  t.is(leader.core.status().uncommittedBytes, 0)
  t.is(leader.propose(60).kind, 'accepted')
})

test('R11: a single proposal above the limit enters when nothing else waits', (t) => {
  const leader = cluster(3, { uncommittedBytesMax: 100 }).elect(1).isolate(1).replica(1)

  t.is(leader.propose(500).kind, 'accepted')
  t.is(leader.propose(1).kind, 'dropped')
})

test('R11: proposals that were truncated weigh on no later leadership', (t) => {
  const limits = { uncommittedBytesMax: 100, preVote: false, checkQuorum: false }
  const three = cluster(3, limits).elect(1).isolate(1)
  three.replica(1).propose(90)
  three.elect(2).heal().tick(6)
  t.is(three.replica(1).core.status().uncommittedBytes, 0)

  three.elect(1)

  t.is(three.replica(1).core.status().uncommittedBytes, 0)
  t.is(three.replica(1).propose(90).kind, 'accepted')
})

test('committed entries come in pages of bounded bytes', (t) => {
  const single = cluster(1, { committedBytesMax: 100 }).elect(1).replica(1)
  single.propose(60, 60, 300, 30, 30)
  const pages: number[][] = []
  while (single.core.hasReady()) {
    const ready = single.core.takeReady()
    if (ready.acknowledgement) single.core.acknowledge(ready.acknowledgement)
    if (ready.committed) pages.push([ready.committed.firstIndex, ready.committed.lastIndex])
  }

  t.deepEqual(pages, [
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 6],
  ])
})

test('committed entries are held back while the state machine is behind', (t) => {
  const limits = { committedBytesMax: 100, applyingBytesMax: 150 }
  const { core } = cluster(1, limits).elect(1).replica(1)
  core.propose(0, Uint32Array.of(90, 90, 90, 90))
  const handedOut: number[] = []
  const drain = (): void => {
    while (core.hasReady()) {
      const ready = core.takeReady()
      if (ready.acknowledgement) core.acknowledge(ready.acknowledgement)
      if (ready.committed) handedOut.push(ready.committed.lastIndex)
    }
  }
  drain()
  t.deepEqual(handedOut, [2, 3])

  core.acknowledgeApplied(2 as never)
  drain()

  t.deepEqual(handedOut, [2, 3, 4])
})

test('entries that were not handed out cannot be acknowledged as applied', (t) => {
  const { core } = cluster(1).elect(1).replica(1)

  t.throws(() => core.acknowledgeApplied(9 as never), { message: /R3/ })
})

test('a replica that restarts applies its committed entries again', (t) => {
  const three = cluster(3).elect(1)
  three.replica(1).propose(40, 50)
  three.settle()

  three.replica(2).crash()
  three.replica(2).settle()

  t.deepEqual(
    three.replica(2).applied.map(({ index }) => index),
    [1, 2, 3],
  )
  t.is(three.replica(2).core.status().leader, asReplica(0))
})
