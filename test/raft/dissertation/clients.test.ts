// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", chapter 6, that states a behaviour of the
// core, in our own words; test/replica/dissertation.test.ts has those that need sessions or a state machine. The name of each test
// begins with the section.
import test from 'ava'
import { asReplica } from '../../../src/base/ids.js'
import { cluster, type Cluster } from '../support/cluster.js'
import { heartbeatResponse } from '../support/messages.js'
import { classic, lone } from '../support/roles.js'
import type { TestReplica } from '../support/replica.js'

test('§6.2: who does not lead refuses requests and names the leader, if it knows one', (t) => {
  const three = cluster(3)
  t.like(three.replica(3).propose(40), { kind: 'dropped', reason: 'not-leader', leader: 0 })

  three.elect(2)

  t.like(three.replica(3).propose(40), { kind: 'dropped', reason: 'not-leader', leader: 2 })
})

test('§6.2: a leader that hears no majority for an election timeout steps down, so that clients look elsewhere', (t) => {
  const three = cluster(3).elect(1).isolate(1)

  three.tick(30, 1)

  t.like(three.replica(1).propose(40), { kind: 'dropped', reason: 'not-leader', leader: 0 })
})

test('§6.2: a leader that hears a majority leads on', (t) => {
  const three = cluster(3).elect(1).isolate(3)

  three.tick(200, 1, 2)

  t.true(three.replica(1).isLeader)
})

test('§6.2: who begins an election knows no leader any more', (t) => {
  const three = cluster(3, classic).elect(1)

  three.replica(2).core.campaign()

  t.is(three.replica(2).core.status().leader, asReplica(0))
})

test('§6.2: who learns of a newer term knows no leader any more', (t) => {
  const three = cluster(3, classic).elect(1)

  three.replica(2).step(heartbeatResponse({ from: 3, to: 2, term: 5 }))

  t.like(three.replica(2).core.status(), { term: 5, leader: 0 })
})

/** What a replica has answered, as [context, index]. */
const answersOf = ({ readStates }: TestReplica): [number, number][] =>
  readStates.map(({ context, index }) => [context, index])

test('§6.4: a leader commits an entry of its term at its start, without waiting for a request', (t) => {
  const three = cluster(3).elect(1)

  t.like(three.replica(1).core.status(), { lastIndex: 1, commitIndex: 1, lastTerm: 1 })
})

test('§6.4: before that a leader serves no read', (t) => {
  const three = cluster(3).block(({ kind }) => kind === 'append-entries-response')
  three.elect(1).replica(1).core.readIndex(7)

  three.tick(10)
  t.deepEqual(answersOf(three.replica(1)), [])
  three.heal().tick(6)

  t.deepEqual(answersOf(three.replica(1)), [[7, 1]])
})

test('§6.4: a read sees at least what was committed when its round began', (t) => {
  const three = cluster(3).elect(1)
  const leading = three.replica(1)
  leading.propose(40)
  three.settle()
  leading.core.readIndex(7)
  leading.takeReadies()
  leading.propose(41)

  three.settle()

  t.deepEqual(answersOf(leading), [[7, 2]])
})

test('§6.4: a read waits until a majority has answered a heartbeat that was sent after it came', (t) => {
  const three = cluster(3).elect(1).isolate(1)
  const leading = three.replica(1)
  leading.tick(5)
  leading.settle()

  leading.core.readIndex(7)
  leading.settle()
  leading.step(heartbeatResponse({ from: 2, term: 1 }))
  leading.settle()
  t.deepEqual(answersOf(leading), [])
  leading.step(heartbeatResponse({ from: 2, term: 1, context: 1 }))
  leading.settle()

  t.deepEqual(answersOf(leading), [[7, 1]])
})

test('§6.4: an answer to a heartbeat from before a read came does not serve it', (t) => {
  const leading = cluster(3).elect(1).isolate(1).replica(1)
  leading.core.readIndex(7)
  leading.settle()
  leading.core.readIndex(8)
  leading.settle()

  leading.step(heartbeatResponse({ from: 2, term: 1, context: 1 }))
  leading.settle()

  t.deepEqual(answersOf(leading), [[7, 1]])
})

for (const [servers, answering, served] of [
  [3, 0, false],
  [3, 1, true],
  [5, 1, false],
  [5, 2, true],
] as const) {
  const verb = served ? 'serve' : 'do not serve'
  test(`§6.4: of ${servers} servers, a leader and ${answering} that answer ${verb} a read`, (t) => {
    const group = cluster(servers).elect(1)
    const answers = Array.from({ length: answering }, (_, at) => at + 2)
    group.block(({ kind, from }) => kind === 'heartbeat-response' && !answers.includes(from))

    group.replica(1).core.readIndex(7)
    group.settle()

    t.is(answersOf(group.replica(1)).length, served ? 1 : 0)
  })
}

test('§6.4: a leader that was replaced without knowing serves no read', (t) => {
  const three = cluster(3, classic).elect(1).isolate(1)
  three.elect(2)
  t.true(three.replica(1).isLeader)

  three.replica(1).core.readIndex(7)
  three.settle().heal().tick(6)

  t.deepEqual(answersOf(three.replica(1)), [])
  t.deepEqual(three.replica(1).droppedReads, [7])
})

test('§6.4: one round of heartbeats serves any number of reads', (t) => {
  const three = cluster(3).elect(1)
  for (let context = 1; context <= 100; context++) three.replica(1).core.readIndex(context)

  three.settle()

  t.is(three.sentOf('heartbeat').length, 2)
  t.is(answersOf(three.replica(1)).length, 100)
})

test('§6.4: a read appends nothing to the log', (t) => {
  const three = cluster(3).elect(1)

  three.replica(1).core.readIndex(7)
  three.settle()

  for (const { disk } of three.replicas) t.is(disk.lastIndex, 1)
})

/** Replica 1 leads with leases. Nobody elects in the first timeout after a start. */
const leased = (): Cluster => cluster(3, { leaseTicks: 7 }).tick(15).elect(1).tick(10)

/** Whether a read is served without a message. */
function servesAlone({ core }: TestReplica): boolean {
  return core.readIndex(1).kind === 'accepted' && core.takeReady().readStates.length === 1
}

test('§6.4.1: with a lease a read costs no message', (t) => {
  t.true(servesAlone(leased().replica(1)))
})

test('§6.4.1: without leases no read is served by time alone', (t) => {
  t.false(servesAlone(cluster(3).tick(15).elect(1).tick(10).replica(1)))
})

test('§6.4.1: every heartbeat that a majority answers prolongs the lease', (t) => {
  const three = leased()

  for (let tick = 0; tick < 100; tick++) {
    three.tick(1)
    t.true(three.replica(1).core.hasLease())
  }
})

test('§6.4.1: a lease counts from when the heartbeat was sent, not from when it was answered', (t) => {
  const three = leased().block(({ to }) => to === 1)
  const leading = three.replica(1)
  three.tick(5)
  const [answer] = three.sentOf('heartbeat-response').slice(-1)

  leading.tick(5)
  t.false(leading.core.hasLease())
  if (answer !== undefined) leading.step(answer)
  t.true(leading.core.hasLease(), 'seven ticks from the sending, of which five have passed')
  leading.tick(2)

  t.false(leading.core.hasLease())
})

test('§6.4.1: a lease ends before anybody else can be elected', (t) => {
  const three = leased().isolate(1)

  for (let tick = 0; tick < 100; tick++) {
    three.tick(1)
    const others = three.leaders.filter(({ id }) => id !== asReplica(1))
    t.false(three.replica(1).core.hasLease() && others.length > 0)
  }

  t.true(three.leaders.some(({ id }) => id !== asReplica(1)))
})

test('§6.4.1: a leader that hands over has no lease any more', (t) => {
  const three = leased()

  three.replica(1).core.transferLeadership(asReplica(2))

  t.false(three.replica(1).core.hasLease())
})

test('§6.4.1: a lease that leaves no room for the drift of clocks is refused', (t) => {
  t.notThrows(() => lone([], 0, { leaseTicks: 7, leaseDriftTicks: 1 }))
  t.throws(() => lone([], 0, { leaseTicks: 7, leaseDriftTicks: 2 }), {
    code: 'ERR_INVALID_ARGUMENT',
  })
})

test('§6.4.1: a new leader has no lease until a majority has answered it', (t) => {
  const three = leased().isolate(1)
  const elected = (): TestReplica | undefined => three.leaders.find(({ id }) => id !== asReplica(1))
  while (elected() === undefined) three.tick(1, 2, 3)

  t.false(elected()?.core.hasLease())
  three.tick(5, 2, 3)

  t.true(elected()?.core.hasLease())
})
