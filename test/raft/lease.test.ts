import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { cluster, type Cluster } from './support/cluster.js'
import { requestVote } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

const leases = { leaseTicks: 7 }

/** Whether a read is served without asking anybody. */
function servesAlone(replica: TestReplica): boolean {
  replica.readStates = []
  if (replica.core.readIndex(1).kind === 'dropped') return false
  const { readStates } = replica.core.takeReady()
  return readStates.length > 0
}

/** Replica 1 leads since two heartbeats. Nobody elects in the first timeout after a start. */
const leased = (settings = {}): Cluster =>
  cluster(3, { ...leases, ...settings })
    .tick(15)
    .elect(1)
    .tick(10)

test('leases are off unless they are asked for', (t) => {
  const three = cluster(3).elect(1).tick(10)

  t.false(servesAlone(three.replica(1)))
})

test('a leader whose heartbeat a quorum has answered serves reads alone', (t) => {
  const leader = leased().replica(1)
  leader.core.readIndex(9)
  leader.takeReadies()

  t.deepEqual(leader.readStates, [{ context: 9, index: asIndex(1) }])
  t.deepEqual(leader.takeOutgoing(), [])
})

test('L05: a lease ends when no quorum answers for its time, and before anybody else can lead', (t) => {
  const three = leased().isolate(1)

  three.tick(6)
  t.true(three.replica(1).core.hasLease())
  three.tick(1)

  t.false(servesAlone(three.replica(1)))
})

test('L03: a leader that was stalled has no lease, and late answers from before give it none', (t) => {
  const three = leased()
  const leader = three.replica(1)
  leader.tick(5)
  leader.takeReadies()

  leader.core.rearmElectionTimer()
  three.settle()

  t.false(servesAlone(leader))
  three.tick(5)
  t.true(servesAlone(leader))
})

test('L03: a lease ages by the ticks that were skipped, a promise does not', (t) => {
  const three = leased()
  const [leader, voter] = [three.replica(1), three.replica(2)]

  leader.core.skipTicks(6)
  t.true(leader.core.hasLease())
  leader.core.skipTicks(1)
  voter.core.skipTicks(100)
  voter.core.campaign()

  t.false(servesAlone(leader))
  t.is(voter.core.status().role, 'follower')
})

test('L01: with leases too, a new leader answers no read before an entry of its term is committed', (t) => {
  const three = leased()
  three.replica(1).propose(40)
  three.settle()
  three.block((m) => m.kind === 'append-entries-response' || m.from === 1 || m.to === 1)
  three.tick(60, 2, 3)
  const leader = three.leaders.find(({ id }) => id !== 1) ?? three.replica(2)

  leader.core.readIndex(9)
  three.tick(10, leader.id)
  t.deepEqual(leader.readStates, [])
  three.heal().tick(6, leader.id)

  t.deepEqual(leader.readStates, [{ context: 9, index: asIndex(3) }])
})

test('a voter keeps its promise when it forgets its leader or is told to campaign', (t) => {
  const three = leased()
  const voter = three.replica(2)
  voter.core.forgetLeader()

  voter.step(requestVote({ from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 9 }))
  voter.core.campaign()

  t.like(voter.core.status(), { term: 1, role: 'follower' })
})

test('a voter that restarted may have promised: it elects nobody for an election timeout', (t) => {
  const three = leased()
  three.replica(2).crash()
  const vote = requestVote({ from: 3, to: 2, term: 9, lastIndex: 9, lastTerm: 9 })

  three.replica(2).tick(14)
  three.replica(2).step(vote)
  t.is(three.replica(2).core.status().vote, asReplica(1))
  three.replica(2).tick(1)
  three.replica(2).step(vote)

  t.is(three.replica(2).core.status().vote, asReplica(3))
})

test('who was told to take over is held back by no lease, so the leader has none from then on', (t) => {
  const three = leased()
  const leader = three.replica(1)
  three.block(({ kind }) => kind === 'timeout-now')

  leader.core.transferLeadership(asReplica(2))
  three.tick(40)

  t.true(leader.isLeader)
  t.false(leader.core.hasLease())
})

test('a new configuration must confirm the lease itself', (t) => {
  const three = leased({ voters: [1, 2] })
  three.replica(1).proposeChange('v3')
  three.settle()

  t.false(three.replica(1).core.hasLease())
  three.tick(5)
  t.true(three.replica(1).core.hasLease())
})

/** Cuts, heals, campaigns, stalls and crashes, with clocks of which one goes faster by `drift` of its ticks.
 *  @returns how many reads were served alone. */
function runLeases(seed: number): number {
  const random = new SeededRandom(seed)
  const three = cluster(3, { ...leases, random: new SeededRandom(seed + 1) }).tick(40)
  const fast = integerBetween(random, 1, 3)
  let served = 0
  for (let step = 1; step < 600; step++) {
    const replica = three.replica(integerBetween(random, 1, 3))
    const dice = integerBetween(random, 0, 99)
    if (dice < 4) three.isolate(replica.id)
    else if (dice < 8) three.heal()
    else if (dice < 12) replica.core.forgetLeader()
    else if (dice < 16) replica.core.campaign()
    else if (dice < 18) replica.crash()
    else if (dice < 20) replica.core.transferLeadership(asReplica(integerBetween(random, 1, 3)))
    else if (dice < 50) replica.propose(40)
    three.tick(1)
    // One of fifteen: the drift that leaseDriftTicks allows in an election timeout.
    if (step % 15 === 0) three.tick(1, fast)
    served += readsServed(three)
  }
  return served
}

function readsServed(three: Cluster): number {
  const floor = Math.max(...three.replicas.map(({ core }) => core.status().commitIndex))
  const serving = three.replicas.filter(({ core }) => core.hasLease())
  for (const { id, core } of serving) {
    const { commitIndex } = core.status()
    if (commitIndex < floor)
      throw new Error(`${id} serves a stale read: ${commitIndex} of ${floor}`)
  }
  return serving.length
}

test('L04: with clocks that drift within their bound no lease ever serves a stale read', (t) => {
  let served = 0
  for (let seed = 1; seed <= 60; seed++) served += runLeases(seed)

  t.log({ served })
  t.true(served > 1000)
})
