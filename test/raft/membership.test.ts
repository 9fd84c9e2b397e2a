import test from 'ava'
import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { leaveJointChange } from '../../src/raft/membership.js'
import { changeOf } from './support/changes.js'
import { cluster, clusterOf, type Cluster } from './support/cluster.js'
import { append, appendResponse, preVoteResponse, requestVote } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

const membersOf = (replica: TestReplica): unknown => {
  const { incoming, outgoing, learners } = replica.core.status().configuration
  return { incoming, outgoing, learners }
}

const lastOf = (replica: TestReplica): { prevIndex: number; prevTerm: number } => {
  const { lastIndex, lastTerm } = replica.core.status()
  return { prevIndex: lastIndex, prevTerm: lastTerm }
}

const simple = (incoming: number[], learners: number[] = []): unknown => ({
  incoming,
  outgoing: [],
  learners,
})

/** Replica 1 leads the first `voterCount` of `count` replicas. */
function led(count: number, voterCount: number, settings = {}): Cluster {
  const voters = Array.from({ length: voterCount }, (_, position) => position + 1)
  return cluster(count, { voters, ...settings }).elect(1)
}

test('a voter is added and takes part in commits', (t) => {
  const three = led(3, 2)

  t.is(three.replica(1).proposeChange('v3').kind, 'accepted')
  three.settle()

  for (const replica of three.replicas) t.deepEqual(membersOf(replica), simple([1, 2, 3]))
  three.isolate(2).replica(1).propose(40)
  three.settle()
  t.is(three.replica(1).core.status().commitIndex, asIndex(3))
})

test('several changes go through a joint configuration, which is left by itself', (t) => {
  const five = led(5, 3)

  five.replica(1).proposeChange('v4 v5 r2')
  five.settle()

  for (const id of [1, 3, 4, 5]) t.deepEqual(membersOf(five.replica(id)), simple([1, 3, 4, 5]))
})

test('an explicit joint configuration is kept until it is left on purpose', (t) => {
  const three = led(3, 1)
  const leader = three.replica(1)

  leader.proposeChange('v2', 'joint-explicit')
  three.settle()
  t.deepEqual(membersOf(leader), { incoming: [1, 2], outgoing: [1], learners: [] })
  t.like(leader.proposeChange('v3'), { refusal: 'must transition out of joint config first' })
  leader.proposeChange('')
  three.settle()

  t.deepEqual(membersOf(leader), simple([1, 2]))
})

test('a learner receives the log, and neither votes nor counts', (t) => {
  const three = led(3, 2)
  three.replica(1).proposeChange('l3')
  three.settle()

  three.isolate(2).replica(1).propose(40)
  three.settle()
  t.is(three.replica(3).core.status().lastIndex, asIndex(3))
  t.is(three.replica(1).core.status().commitIndex, asIndex(2))
  three.replica(3).core.campaign()
  t.is(three.replica(3).role, 'follower')
  t.deepEqual(
    three
      .replica(1)
      .core.status()
      .progress.map(({ learner }) => learner),
    [false, false, true],
  )
})

test('a learner is promoted with the progress that it has', (t) => {
  const three = led(3, 2)
  three.replica(1).proposeChange('l3')
  three.settle()

  three.replica(1).proposeChange('v3')
  three.settle()

  t.deepEqual(membersOf(three.replica(3)), simple([1, 2, 3]))
  t.is(three.sentOf('append-entries-response').filter((m) => m.rejected).length, 1)
})

test('M07: a remaining voter that does not know of the leave learns it from the refusal of a former voter', (t) => {
  // 2 leads the joint configuration {1} & {1, 2}, commits the leave, and appends more that 1 never gets.
  const two = led(2, 2)
  two.replica(1).core.transferLeadership(asReplica(2))
  two.settle()
  two.replica(2).proposeChange('r2', 'joint-explicit')
  two.settle()
  two.replica(2).proposeChange('')
  two.block((m) => m.to === 1 && m.kind === 'append-entries' && m.entries === null)
  two.settle()
  t.deepEqual(membersOf(two.replica(2)), simple([1]))
  t.deepEqual(membersOf(two.replica(1)), { incoming: [1], outgoing: [1, 2], learners: [] })
  two.replica(2).step(append({ from: 1, to: 2, term: 2, ...lastOf(two.replica(2)), terms: [2] }))
  two.heal().tick(70)

  t.true(two.replica(1).isLeader)
  t.deepEqual(membersOf(two.replica(1)), simple([1]))
})

for (const [commit, commitIndex] of [
  [[2, 2], 2],
  [[2, 3], 0],
  [[3, 2], 0],
] as const) {
  test(`M07: a candidate with terms 1, 2 that hears of entry ${commit[0]} of term ${commit[1]} commits ${commitIndex}`, (t) => {
    const replica = clusterOf([{ terms: [1, 2] }, { terms: [] }, { terms: [] }]).replica(1)
    replica.core.campaign()
    replica.settle()

    replica.step(preVoteResponse({ term: 2, rejected: true, commit }))

    t.is(replica.core.status().commitIndex, asIndex(commitIndex))
  })
}

test('E09: a learner that does not know of its promotion grants votes', (t) => {
  const three = led(3, 2)
  three.replica(1).proposeChange('l3')
  three.settle()
  three.block((m) => m.kind === 'append-entries' && m.to === 3)
  three.replica(1).proposeChange('v3')
  three.settle()
  t.deepEqual(membersOf(three.replica(3)), simple([1, 2], [3]))

  three.block((m) => m.from === 1 || m.to === 1)
  three.tick(70, 2, 3)

  t.true(three.replica(2).isLeader)
  t.deepEqual(membersOf(three.replica(3)), simple([1, 2, 3]))
})

test('a voter that has not heard of its candidate follows the longer log', (t) => {
  const four = led(4, 3)
  four.block((m) => m.to === 3)
  four.replica(1).proposeChange('v4')
  four.settle()
  four.block((m) => m.from === 1 || m.to === 1)
  four.tick(40, 2, 3)

  four.replica(4).core.campaign()
  four.tick(40, 3, 4)

  t.is(four.leaders.filter(({ id }) => id !== 1).length, 1)
})

test('M01: a leader refuses changes until an entry of its own term is committed', (t) => {
  const three = cluster(4, { voters: [1, 2, 3] })
  three.block((m) => m.kind === 'append-entries-response')
  three.elect(1)
  const leader = three.replica(1)

  t.like(leader.proposeChange('l4'), {
    reason: 'refused',
    refusal: 'no entry of the own term is committed yet',
  })
  three.heal().tick(10)
  t.is(leader.proposeChange('l4').kind, 'accepted')
})

test('M01: one adds, another removes: the changes of leaders of different terms never both take effect', (t) => {
  const five = led(5, 4, { checkQuorum: false, preVote: false })
  five.block((m) => m.from !== m.to)
  five.replica(1).proposeChange('v5')
  five.replica(1).settle()
  five.isolate(1, 5).elect(2)
  five.replica(2).proposeChange('r1')
  five.settle()
  t.deepEqual(membersOf(five.replica(2)), simple([2, 3, 4]))

  five.isolate(1, 4, 5).replica(1).crash()
  five.checker.forget(1)
  for (const term of [2, 3]) {
    five.replica(1).core.campaign()
    five.settle()
    t.is(five.replica(1).core.status().term, asTerm(term))
  }

  t.false(five.replica(1).isLeader)
  t.deepEqual(membersOf(five.replica(1)), simple([1, 2, 3, 4]))
})

test('only one change is under way at a time, until it is applied', (t) => {
  const three = led(5, 3)
  const leader = three.replica(1)

  t.is(leader.proposeChange('l4').kind, 'accepted')
  t.like(leader.proposeChange('l5'), {
    refusal: 'possible unapplied conf change at index 2 (applied to 1)',
  })
  three.settle()
  t.is(leader.proposeChange('l5').kind, 'accepted')
})

test('M03: a new leader leaves the joint configuration that its predecessor entered', (t) => {
  const four = led(4, 3)
  four.replica(1).proposeChange('v4 r3')
  // The leave-joint entry of the old leader reaches nobody.
  four.block((m) => m.kind === 'append-entries' && (m.entries?.firstIndex ?? 0) > 2)
  four.settle()
  four.tick(10)
  t.deepEqual(four.replica(2).core.status().voters as unknown, {
    incoming: [1, 2, 4],
    outgoing: [1, 2, 3],
  })

  four.isolate(1)
  four.tick(70, 2, 3, 4)

  const leader = four.leaders.find(({ id }) => id !== 1)
  t.truthy(leader)
  t.deepEqual(leader && membersOf(leader), simple([1, 2, 4]))
})

test('M04: leaving a joint configuration twice is harmless', (t) => {
  const two = led(2, 1, { membershipGuard: 'none' })
  const leader = two.replica(1)
  leader.proposeChange('v2', 'joint-explicit')
  leader.proposeChange('')
  leader.proposeChange('')

  two.settle()

  t.is(leader.core.status().appliedIndex, asIndex(4))
  for (const replica of two.replicas) t.deepEqual(membersOf(replica), simple([1, 2]))
})

test('M05: a leader that removes itself replicates until that is committed, then steps down', (t) => {
  const three = led(3, 3)

  three.replica(1).proposeChange('r1')
  three.block((m) => m.to === 1)
  three.settle()
  t.true(three.replica(1).isLeader)
  three.heal().tick(10)

  t.is(three.replica(1).role, 'follower')
  for (const replica of three.replicas) t.deepEqual(membersOf(replica), simple([2, 3]))
  three.tick(70)
  t.is(three.leaders.length, 1)
  t.not(three.leaders[0]?.id, asReplica(1))
})

test('M05: a removed leader that stays does not count itself, and takes no proposals', (t) => {
  const three = led(3, 3, { stepDownOnRemoval: false })
  const leader = three.replica(1)
  leader.proposeChange('r1')
  leader.propose(40)
  three.block((m) => m.to === 3 || (m.from === 2 && m.kind === 'append-entries-response'))
  three.settle()
  three.block((m) => m.to === 3 && m.kind === 'append-entries')
  three.tick(6)

  t.true(leader.isLeader)
  t.deepEqual(membersOf(leader), simple([2, 3]))
  t.like(leader.core.status(), { commitIndex: 3, appliedIndex: 3 })
  t.like(leader.propose(40), { kind: 'dropped', reason: 'not-leader', leader: 0 })
})

test('M08: a change that another leader overwrites never took effect, and leaves nothing behind', (t) => {
  const three = led(4, 3)
  three.isolate(1).replica(1).proposeChange('r3')
  three.settle()
  three.tick(70, 2, 3)
  const next = three.leaders.find(({ id }) => id !== 1) as TestReplica
  three.heal().tick(10)

  for (const id of [1, 2, 3]) t.deepEqual(membersOf(three.replica(id)), simple([1, 2, 3]))
  t.is(next.proposeChange('l4').kind, 'accepted')
  three.settle()
  t.deepEqual(membersOf(three.replica(1)), simple([1, 2, 3], [4]))
})

for (const { half, cut } of [
  { half: 'outgoing', cut: [4, 5, 6] },
  { half: 'incoming', cut: [2, 3] },
]) {
  test(`M12: durable copies in the ${half} half of a joint configuration alone commit nothing`, (t) => {
    const six = led(6, 3)
    const leader = six.replica(1)
    leader.proposeChange('v4 v5 v6 r2 r3', 'joint-explicit')
    six.settle()
    t.is(leader.core.status().commitIndex, asIndex(2))

    six.isolate(...cut)
    leader.propose(40)
    six.settle()
    t.is(leader.core.status().commitIndex, asIndex(2))
    six.heal().tick(6, 1)

    t.is(leader.core.status().commitIndex, asIndex(3))
  })
}

test('a smaller quorum may commit at once what the larger one did not', (t) => {
  const three = led(3, 3)
  const leader = three.replica(1)
  leader.proposeChange('r3')
  leader.propose(40)
  three.block((m) => m.to === 3)

  three.settle()

  t.is(leader.core.status().commitIndex, asIndex(3))
})

test('who has not applied a committed change does not campaign', (t) => {
  const follower = led(3, 3).replica(2)
  const core = follower.core
  core.step(append({ from: 1, to: 2, term: 1, prevIndex: 1, prevTerm: 1, terms: [1], kind: 1 }))
  core.step(append({ from: 1, to: 2, term: 1, prevIndex: 2, prevTerm: 1, commitIndex: 2 }))

  core.campaign()
  t.is(follower.role, 'follower')
  follower.settle()
  core.campaign()

  t.is(follower.role, 'pre-candidate')
})

test('a membership entry is applied through applyMembership, before what follows it (R15)', (t) => {
  const core = led(1, 1).replica(1).core
  core.proposeMembership(changeOf('l2'), 42)
  let ready = core.takeReady()
  if (ready.acknowledgement) core.acknowledge(ready.acknowledgement)
  ready = core.takeReady()
  t.is(ready.committed?.lastIndex, asIndex(2))

  t.throws(() => core.acknowledgeApplied(asIndex(2)), { message: /R15 / })
  t.throws(() => core.applyMembership(leaveJointChange, asIndex(1)), { message: /R15 / })
  t.like(core.applyMembership(changeOf('l2'), asIndex(2)), { kind: 'changed' })
  core.acknowledgeApplied(asIndex(2))
})

test('answers of a replica that was removed are ignored', (t) => {
  const three = led(3, 3)
  three.replica(1).proposeChange('r3')
  three.settle()
  const before = three.replica(1).core.status()

  three.replica(1).step(appendResponse({ from: 3, term: 9, index: 7, rejected: true }))
  three.replica(1).step(requestVote({ from: 3, term: 9, lastIndex: 1, lastTerm: 1 }))

  t.deepEqual(three.replica(1).core.status(), before)
})

test('a restarted replica takes up the configuration by applying its log again', (t) => {
  const three = led(3, 2)
  three.replica(1).proposeChange('v3')
  three.settle().tick(6)

  three.replica(2).crash()
  three.checker.forget(2)
  three.settle().tick(6)

  t.deepEqual(membersOf(three.replica(2)), simple([1, 2, 3]))
})

test('M15: a leader proposes no forced configuration', (t) => {
  const three = led(3, 3)

  t.like(three.replica(1).proposeChange('v1', 'forced'), {
    reason: 'refused',
    refusal: 'a configuration is forced offline, never proposed',
  })
})

test('M15: a replica that finds itself the only voter at the end of its committed log leads alone', (t) => {
  const three = led(3, 3)
  const survivor = three.replica(2)
  survivor.force(7)

  survivor.settle()
  survivor.tick(40)
  survivor.settle()

  t.is(survivor.role, 'leader')
  t.deepEqual(membersOf(survivor), simple([2]))
  t.is(survivor.propose(40).kind, 'accepted')
  survivor.settle()
  const { commitIndex, lastIndex } = survivor.core.status()
  t.is(commitIndex, lastIndex)
})

/** Replica 3 of three was removed, and lost its disk. */
function removedAndWiped(): Cluster {
  const three = led(3, 3)
  three.replica(1).proposeChange('r3')
  three.settle()
  three.replica(3).wipe()
  three.checker.forget(3)
  return three
}

test('M09: a removed replica that is back with an empty disk gets no vote and disturbs nobody', (t) => {
  const three = removedAndWiped()
  const { term } = three.replica(1).core.status()

  three.tick(200)

  t.like(three.replica(1).core.status(), { role: 'leader', term })
  t.not(three.replica(3).role, 'leader')
})

test('M09: it may not come back as a voter, but as a learner, and vote when it holds the log', (t) => {
  const three = removedAndWiped()

  t.like(three.replica(1).proposeChange('v3'), {
    reason: 'refused',
    refusal: 'replica 3 was removed; it comes back as a learner, and votes when it has caught up',
  })
  three.isolate(3)
  t.is(three.replica(1).proposeChange('l3').kind, 'accepted')
  three.settle()
  t.like(three.replica(1).proposeChange('v3'), { reason: 'refused' })
  three.heal().tick(10)
  t.is(three.replica(1).proposeChange('v3').kind, 'accepted')
  three.settle()

  for (const replica of three.replicas) t.deepEqual(membersOf(replica), simple([1, 2, 3]))
})

test('M09: it does not vote a second time in the term in which it voted before it lost its disk', (t) => {
  const three = removedAndWiped()
  three.replica(1).proposeChange('l3')
  three.settle().tick(10)
  const back = three.replica(3)
  back.crash()

  back.step(requestVote({ from: 2, to: 3, term: 1, lastIndex: 99, lastTerm: 1 }))
  back.settle()

  t.is(back.core.status().vote, asReplica(1))
  t.like(back.takeOutgoing().at(-1), { kind: 'request-vote-response', rejected: true })
})

test('a replica that was added again and removed again is still remembered', (t) => {
  const three = removedAndWiped()
  for (const change of ['l3', 'r3']) {
    three.replica(1).proposeChange(change)
    three.settle()
  }

  t.like(three.replica(1).proposeChange('v3'), { reason: 'refused' })
})
