import test from 'ava'
import { asIndex, asReplica } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { cluster, type Cluster } from './support/cluster.js'

const settings = { quiesceTicks: 20 }

const silent = (group: Cluster): boolean =>
  group.replicas.every(({ core }) => core.status().quiesced)

/** Replica 1 leads, and all are quiesced. */
function quiesced(given = {}): Cluster {
  const three = cluster(3, { ...settings, ...given })
    .elect(1)
    .tick(60)
  if (!silent(three)) throw new Error('not quiesced')
  return three
}

test('an idle group falls silent and stays so: no message, no election', (t) => {
  const three = quiesced()
  const sent = three.sent.length
  const { term } = three.replica(1).core.status()

  three.tick(5_000)

  t.is(three.sent.length, sent)
  t.like(three.replica(1).core.status(), { role: 'leader', term, quiesced: true })
})

test('without the option heartbeats go on', (t) => {
  const three = cluster(3).elect(1).tick(500)

  t.false(silent(three))
  t.true(three.sentOf('heartbeat').length > 100)
})

test('a proposal wakes everybody, commits, and the group falls silent again', (t) => {
  const three = quiesced()

  three.replica(1).propose(40)
  three.settle()

  t.false(three.replicas.some(({ core }) => core.status().quiesced))
  for (const { core } of three.replicas) t.is(core.status().lastIndex, asIndex(2))
  t.true(silent(three.tick(60)))
})

test('a read wakes the leader and is confirmed by a quorum, through a follower too', (t) => {
  const three = quiesced()
  three.replica(1).core.readIndex(1)
  three.settle().tick(60)
  three.replica(2).core.readIndex(2)
  three.settle()

  t.deepEqual(three.replica(1).readStates as unknown, [{ context: 1, index: 1 }])
  t.deepEqual(three.replica(2).readStates as unknown, [{ context: 2, index: 1 }])
})

test('L05: a quiesced leader that was cut off answers no read, and steps down once it is asked', (t) => {
  const three = quiesced().isolate(1)
  three.replica(1).core.readIndex(1)

  three.tick(30)

  t.deepEqual(three.replica(1).readStates, [])
  t.is(three.replica(1).role, 'follower')
})

for (const [what, act] of [
  ['whose proposal is refused', (three: Cluster) => three.replica(2).propose(40)],
  [
    'that hears of a lost connection',
    (three: Cluster) => three.replica(2).core.reportUnreachable(asReplica(1)),
  ],
  ['that is told so', (three: Cluster) => three.replica(2).core.wake()],
] as const) {
  test(`a follower ${what} looks for its leader, and another one leads when that is gone`, (t) => {
    const three = quiesced().isolate(1)

    act(three)
    three.tick(120, 2, 3)

    t.is(three.leaders.filter(({ id }) => id !== 1).length, 1)
  })
}

test('a follower that restarts finds the leader of a silent group without an election', (t) => {
  const three = quiesced()
  const { term } = three.replica(1).core.status()
  three.replica(3).crash()

  three.tick(100)

  t.like(three.replica(3).core.status(), { leader: 1, term, role: 'follower' })
  t.true(silent(three))
})

test('E15: a stall costs a silent leader nothing', (t) => {
  const three = quiesced()

  three.replica(1).core.surrenderLeadership()
  three.tick(100)

  t.true(three.replica(1).isLeader && silent(three))
})

test('M10: a group with a learner that is to be promoted falls silent only after that', (t) => {
  const given = { ...settings, voters: [1, 2, 3], promotionLagEntriesMax: 5 }
  const four = cluster(4, given).elect(1)
  four.replica(1).proposeChange('l4')
  four.settle().tick(100)
  t.is(four.replica(1).core.promotableLearner(), asReplica(4))

  four.replica(1).proposeChange('v4')
  four.settle().tick(60)

  t.true(silent(four))
})

test('nobody falls silent while a member lacks entries or is not heard', (t) => {
  const three = cluster(3, settings).elect(1).isolate(3)
  three.tick(200)
  t.false(three.replica(1).core.status().quiesced)
  three.heal().tick(100)
  t.true(silent(three))

  three.block(({ to, kind }) => to === 3 && kind === 'append-entries')
  three.replica(1).propose(40)
  three.settle().tick(200)

  t.false(three.replica(1).core.status().quiesced)
})

test('a follower that missed the end goes on waiting for its leader, and wakes the group', (t) => {
  const three = cluster(3, settings).elect(1)
  three.block((m) => m.to === 3 && m.kind === 'heartbeat' && m.quiesce === true)
  three.tick(25)
  const { term } = three.replica(1).core.status()

  three.heal().tick(150)

  t.true(silent(three))
  t.like(three.replica(3).core.status(), { leader: 1, term })
})

/** Idle and busy times, cuts and crashes at random; the checker of the cluster watches every step. */
function run(seed: number): number {
  const random = new SeededRandom(seed)
  const three = cluster(3, { quiesceTicks: 8, random: new SeededRandom(seed + 1) })
  let silentSteps = 0
  for (let step = 0; step < 150; step++) {
    const dice = integerBetween(random, 0, 99)
    const replica = three.replica(integerBetween(random, 1, 3))
    if (dice < 6) three.isolate(replica.id)
    else if (dice < 20) three.heal()
    else if (dice < 24) {
      replica.crash()
      three.checker.forget(replica.id)
    } else if (dice < 40) replica.propose(40)
    else if (dice < 45) replica.core.readIndex(step)
    three.tick(integerBetween(random, 1, 20))
    if (silent(three)) silentSteps++
  }
  three.heal()
  for (const { core } of three.replicas) core.wake()
  three.tick(300)
  const [leader] = three.leaders
  if (leader?.propose(40).kind !== 'accepted') throw new Error(`seed ${seed}: nobody leads`)
  three.settle()
  const { commitIndex, lastIndex } = leader.core.status()
  if (commitIndex !== lastIndex) throw new Error(`seed ${seed}: nothing commits`)
  return silentSteps
}

test('a group that falls silent and wakes under cuts and crashes stays safe, and goes on', (t) => {
  let silentSteps = 0
  for (let seed = 1; seed <= 80; seed++) silentSteps += run(seed)

  t.log({ silentSteps })
  t.true(silentSteps > 500)
})
