import test from 'ava'
import { cluster, type Cluster } from './support/cluster.js'
import { heartbeat, heartbeatResponse, preVoteResponse } from './support/messages.js'
import { RoundTrip } from '../../src/raft/round-trip.js'
import { TimedCluster } from './support/timed-cluster.js'

const heartbeatTicks = 5
const highTicks = 15

/** Replica 1 leads three, and has run for a while. */
const led = (settings = {}): Cluster => cluster(3, settings).elect(1).tick(50)

/** Lets a heartbeat pass that replica 3 answers after so many ticks, as far as the leader can tell. */
function beat(three: Cluster, roundTripTicks: number): void {
  three.block(({ kind, from }) => kind === 'heartbeat-response' && from === 3)
  three.tick(heartbeatTicks).heal()
  const { sentTicks, term } = lastHeartbeatTo(three, 3)
  const answer = heartbeatResponse({ from: 3, to: 1, term, sentTicks: sentTicks - roundTripTicks })
  three.replica(1).step(answer)
  three.settle()
}

function lastHeartbeatTo(three: Cluster, id: number) {
  const last = three.sentOf('heartbeat').findLast(({ to }) => to === id)
  if (last === undefined) throw new Error('no heartbeat was sent')
  return last
}

/** Three with a leader that knows replica 3 to be far away, and has told it so. */
function far(settings = {}): Cluster {
  const three = led(settings)
  for (let beats = 0; beats < 50; beats++) beat(three, 2 * highTicks)
  return three.tick(heartbeatTicks)
}

const status = (three: Cluster, id: number) => three.replica(id).core.status()

test('an average counts as high when it was so at three heartbeats on end', (t) => {
  const roundTrip = new RoundTrip(highTicks)

  const seen = [20, 20, 20].map((ticks) => {
    roundTrip.note(ticks)
    return roundTrip.isHigh
  })

  t.deepEqual(seen, [false, false, true])
  t.is(roundTrip.averageTicks, 20)
})

test('one heartbeat with an average that is not high begins the count anew', (t) => {
  const roundTrip = new RoundTrip(highTicks)
  for (const ticks of [15, 15, 15]) roundTrip.note(ticks)

  const seen = [14, 16, 16, 16].map((ticks) => {
    roundTrip.note(ticks)
    return roundTrip.isHigh
  })

  t.deepEqual(seen, [false, false, false, true])
})

test('one late answer among prompt ones is not a high round trip', (t) => {
  const roundTrip = new RoundTrip(highTicks)

  for (const ticks of [0, 0, 60, 0, 0, 0]) {
    roundTrip.note(ticks)
    t.false(roundTrip.isHigh)
  }
})

test('a leader measures each replica by its heartbeats, and knows nothing of a replica before', (t) => {
  const three = cluster(3).elect(1)
  t.deepEqual(
    status(three, 1).progress.map(({ roundTripTicks }) => roundTripTicks),
    [null, null, null],
  )

  three.tick(50)
  beat(three, 8)

  t.deepEqual(
    status(three, 1).progress.map(({ roundTripTicks }) => roundTripTicks),
    [null, 0, 1],
  )
})

test('a leader tells a follower that is far away, and no other', (t) => {
  const three = far()

  t.true(lastHeartbeatTo(three, 3).highRoundTrip)
  t.is(lastHeartbeatTo(three, 2).highRoundTrip, undefined)
  t.like(status(three, 3), { highRoundTrip: true, highRoundTripCount: 1 })
  t.like(status(three, 2), { highRoundTrip: false, highRoundTripCount: 0 })
})

test('the first heartbeat that does not say so ends it', (t) => {
  const three = far()

  for (let beats = 0; beats < 20; beats++) beat(three, 0)

  t.like(status(three, 3), { highRoundTrip: false, highRoundTripCount: 1 })
})

test('a new leadership measures anew', (t) => {
  const three = far()
  const handOver = (from: number, to: number): void => {
    three.replica(from).core.transferLeadership(three.replica(to).id)
    three.settle()
  }

  handOver(1, 2)
  three.tick(heartbeatTicks)
  t.false(status(three, 3).highRoundTrip)
  handOver(2, 1)

  t.is(status(three, 1).progress[2]?.roundTripTicks, null)
})

test('without the option no round trip is high', (t) => {
  t.false(status(far({ highRoundTripTicks: 0 }), 3).highRoundTrip)
})

test('a voter passes it on in its answers to pre-votes, and in no vote', (t) => {
  const three = far()
  three.isolate(1).replica(3).core.forgetLeader()
  three.replica(2).core.campaign()
  three.settle()

  const asked = three.sentOf('pre-vote-response').findLast(({ from }) => from === 3)
  const voted = three.sentOf('request-vote-response').findLast(({ from }) => from === 3)

  t.like(asked, { rejected: false, highRoundTrip: true })
  t.like(voted, { rejected: false })
  t.false('highRoundTrip' in (voted ?? {}))
})

test('a voter that is not far away says nothing of it', (t) => {
  const three = far()
  three.isolate(1).replica(2).core.forgetLeader()
  three.replica(3).core.campaign()
  three.settle()

  const asked = three.sentOf('pre-vote-response').findLast(({ from }) => from === 2)

  t.like(asked, { rejected: false })
  t.false('highRoundTrip' in (asked ?? {}))
})

test('a pre-candidate that is far away itself needs nobody to tell it', (t) => {
  const three = far().isolate(3)

  three.tick(200, 3)

  t.true(status(three, 3).widenedTimeoutCount > 1)
  t.is(three.sentOf('pre-vote-response').filter(({ to }) => to === 3).length, 0)
})

/** Replica 2 of three that hear nobody asks whether it could win, and replica 3 answers. */
function asked(answer: Partial<ReturnType<typeof preVoteResponse>> = {}): Cluster {
  const three = cluster(3).block(() => true)
  three.replica(2).core.campaign()
  three.settle()
  const refusal = preVoteResponse({ from: 3, to: 2, term: 0, rejected: true })
  three.replica(2).step({ ...refusal, ...answer })
  return three
}

/** Lets the timeout in force pass.
 *  @returns how long it was. */
function passTimeout(three: Cluster): number {
  const { electionTimeoutTicks, electionElapsedTicks } = status(three, 2)
  three.tick(electionTimeoutTicks - electionElapsedTicks, 2)
  return electionTimeoutTicks
}

test('a pre-candidate that is told so draws its next timeout from twice the interval, and only that one', (t) => {
  for (let round = 0; round < 50; round++) {
    const three = asked({ highRoundTrip: true })
    t.true(passTimeout(three) <= 30)
    const [wide, next] = [passTimeout(three), passTimeout(three)]

    t.true(wide >= 30 && wide <= 60, `${wide}`)
    t.true(next <= 30, `${next}`)
    t.is(status(three, 2).widenedTimeoutCount, 1)
  }
})

test('the wider interval is used whole', (t) => {
  const three = asked()
  const seen = new Set<number>()
  const hint = preVoteResponse({ from: 3, to: 2, term: 0, rejected: true })
  for (let round = 0; round < 1_000; round++) {
    three.replica(2).core.campaign()
    three.settle()
    three.replica(2).step({ ...hint, highRoundTrip: true })
    three.replica(2).core.rearmElectionTimer()
    seen.add(status(three, 2).electionTimeoutTicks)
  }

  t.deepEqual(
    [...seen].sort((a, b) => a - b),
    Array.from({ length: 31 }, (_, position) => 30 + position),
  )
})

test('a grant that wins the pre-vote gives the election itself the time', (t) => {
  const three = asked({ highRoundTrip: true, rejected: false, term: 1 as never })

  t.like(status(three, 2), { role: 'candidate', widenedTimeoutCount: 1 })
  t.true(status(three, 2).electionTimeoutTicks >= 30)
})

test('a late grant of another attempt widens nothing', (t) => {
  const three = asked({ highRoundTrip: true, rejected: false, term: 5 as never })
  passTimeout(three)

  t.is(status(three, 2).widenedTimeoutCount, 0)
})

test('a heartbeat that says nothing of it brings the usual timeout back', (t) => {
  const three = asked({ highRoundTrip: true, rejected: false, term: 1 as never })

  three.replica(2).step(heartbeat({ from: 1, to: 2, term: 1 }))

  t.true(status(three, 2).electionTimeoutTicks <= 30)
})

test('a heartbeat that says so leaves the longer timeout in force', (t) => {
  const three = asked({ highRoundTrip: true })
  const mark = { highRoundTrip: true } as const

  three.replica(2).step({ ...heartbeat({ from: 1, to: 2, term: 1 }), ...mark })

  t.true(status(three, 2).electionTimeoutTicks >= 30)
})

test('a hint that was not used is forgotten when a leader is heard', (t) => {
  const three = asked({ highRoundTrip: true, rejected: false })
  three.replica(2).step(heartbeat({ from: 1, to: 2, term: 1 }))
  const before = status(three, 2).widenedTimeoutCount
  passTimeout(three)

  t.is(status(three, 2).widenedTimeoutCount, before)
})

interface Succession {
  /** Whether somebody else led within 20 seconds. */
  readonly succeeded: boolean
  /** Terms that it took. */
  readonly terms: number
}

/** The links of three replicas grow slow, up to `oneWayMs`; then nobody hears the leader any more. */
function loseFarLeader(seed: number, oneWayMs: number, highRoundTripTicks: number): Succession {
  const far = new TimedCluster(
    3,
    { oneWayUs: () => 100, writeUs: () => 0 },
    { seed, highRoundTripTicks },
  )
  far.runUntil(() => far.leader !== undefined, { withinUs: 5_000_000 })
  for (let ms = 0; ms <= oneWayMs; ms += 5)
    far.setSpeed({ oneWayUs: () => ms * 1_000 }).run(100_000)
  far.run(3_000_000)
  const leader = far.leader
  if (leader === undefined) throw new Error(`seed ${seed}: the leader was lost`)
  const { term } = leader.core.status()
  far.setSpeed({
    oneWayUs: ({ from, to }) =>
      from === leader.id || to === leader.id ? undefined : oneWayMs * 1_000,
  })
  const isReplaced = (): boolean => (far.leader?.core.status().term ?? 0) > term
  const succeeded = far.runUntil(isReplaced, { withinUs: 20_000_000 })
  return {
    succeeded,
    terms: Math.max(...far.replicas.map(({ core }) => core.status().term)) - term,
  }
}

const seeds = Array.from({ length: 20 }, (_, position) => position + 1)

test('where votes take as long as the longest timeout, the hint lets a leader be found at all', (t) => {
  for (const seed of seeds) {
    t.false(loseFarLeader(seed, 150, 0).succeeded, `seed ${seed} without`)
    t.true(loseFarLeader(seed, 150, highTicks).succeeded, `seed ${seed} with`)
  }
})

test('where votes take nearly as long, the hint saves most of the terms', (t) => {
  const termsWith = (highRoundTripTicks: number): number =>
    seeds.reduce((sum, seed) => sum + loseFarLeader(seed, 140, highRoundTripTicks).terms, 0)

  const [without, withHint] = [termsWith(0), termsWith(highTicks)]

  t.true(3 * withHint < without, `${withHint} with, ${without} without`)
})
