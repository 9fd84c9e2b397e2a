import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { answered, readTexts, stamp } from './attempts.js'
import { SimulatedCluster, settle, type Attempt } from './simulated-cluster.js'

const diskFull = new ClustorError('ERR_DISK_FULL', 'no space left')

test('W13: a full disk refuses proposals with the code, serves reads, and goes on when there is space', async (t) => {
  const cluster = new SimulatedCluster(17, 1)
  await cluster.elect()
  const { log } = cluster.node(1)
  const stuck = cluster.propose(1, 'stuck')
  await settle()
  log.flush = () => {
    log.failQueued(diskFull)
  }
  await answered(cluster, stuck)

  const refused = cluster.propose(1, 'refused')
  t.like(stuck.error, { code: 'ERR_DISK_FULL', outcome: 'unknown' })
  t.like(refused.error, { code: 'ERR_DISK_FULL', outcome: 'not-applied', retryable: true })
  t.regex(cluster.status(1).why.join(), /no space left/)
  t.is(cluster.status(1).role, 'leader')
  const read = readTexts(cluster, 1)
  await cluster.steps(2)
  t.deepEqual(read.seen, [])

  Reflect.deleteProperty(log, 'flush')
  await cluster.steps(30)
  const resumed = cluster.propose(1, 'resumed')
  await answered(cluster, resumed)
  t.deepEqual(cluster.node(1).machine.texts, ['stuck', 'resumed'])
  await cluster.closeAll()
})

test('W13: a leader with a full disk still commits what its followers hold', async (t) => {
  const cluster = new SimulatedCluster(18)
  await cluster.elect(1)
  const { log } = cluster.node(1)
  const attempt = cluster.propose(1, 'elsewhere')
  await settle()
  log.flush = () => {
    log.failQueued(diskFull)
  }

  await answered(cluster, attempt)

  t.is(attempt.error, undefined)
  t.deepEqual(cluster.node(1).machine.texts, ['elsewhere'])
  await cluster.closeAll()
})

test('W13: a follower whose disk was full catches up when there is space', async (t) => {
  const cluster = new SimulatedCluster(19)
  await cluster.elect(1)
  const { log } = cluster.node(3)
  log.flush = () => {
    log.failQueued(diskFull)
  }
  for (let at = 0; at < 20; at++) {
    await answered(cluster, cluster.propose(1, `p${at}`))
  }
  t.true(cluster.status(3).durableIndex < cluster.status(1).durableIndex)

  Reflect.deleteProperty(log, 'flush')
  await cluster.until('settled', () => cluster.isSettled())

  t.is(cluster.node(3).machine.texts.length, 20)
  await cluster.closeAll()
})

test('W11: a failed sync stops the replica; it says why and the others go on', async (t) => {
  const cluster = new SimulatedCluster(20)
  await cluster.elect(1)
  const inFlight = cluster.propose(1, 'in flight')
  await settle()

  cluster.node(1).log.poison()
  await settle()
  const late = cluster.propose(1, 'late')
  const read = readTexts(cluster, 1)
  await settle()

  t.like(inFlight.error, { code: 'ERR_LOG_POISONED', outcome: 'unknown' })
  t.like(late.error, { code: 'ERR_LOG_POISONED', outcome: 'not-applied' })
  t.like(read.error, { code: 'ERR_LOG_POISONED' })
  t.is(cluster.status(1).role, 'stopped')
  t.regex(cluster.status(1).why.join(), /^stopped: ERR_LOG_POISONED/)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)
  await cluster.closeAll()
})

test('an apply fault stops the partition and says why; nothing is skipped', async (t) => {
  const cluster = new SimulatedCluster(21)
  await cluster.elect(1)
  cluster.node(1).machine.apply = () => {
    throw new Error('cannot')
  }

  const attempt = cluster.propose(1, 'poison pill')
  await answered(cluster, attempt)

  t.like(attempt.error, { code: 'ERR_APPLY_FAULT', outcome: 'unknown' })
  t.is(cluster.status(1).role, 'stopped')
  t.regex(cluster.status(1).why.join(), /cannot/)
  t.true(cluster.status(1).appliedIndex < cluster.status(1).commitIndex)
  await cluster.closeAll()
})

test('E14: after a stall a follower gives its leader a whole election timeout before it campaigns', async (t) => {
  for (let seed = 30; seed < 40; seed++) {
    const cluster = new SimulatedCluster(seed)
    await cluster.elect(1)
    await cluster.until('settled', () => cluster.isSettled())
    const { term } = cluster.status(2)
    cluster.isolate(2)
    // Ten of at least 15 ticks pass, then the loop of n2 stands still for 600 ms.
    await cluster.steps(10)
    const { tick } = cluster.node(2)
    cluster.node(2).tick = () => undefined
    await cluster.steps(60)
    cluster.node(2).tick = tick

    await cluster.steps(14)

    t.like(cluster.status(2), { role: 'follower', term, stalls: 1 }, `seed ${seed}`)
    await cluster.closeAll()
  }
})

test('W06: damage that a scrubber finds stops the replica with its code, idle or not', async (t) => {
  const cluster = new SimulatedCluster(21)
  await cluster.elect(1)
  const rot = new ClustorError('ERR_LOG_QUARANTINED', 'segment 2 is damaged', {
    fields: { segment: 2 },
  })

  cluster.node(3).log.quarantine(rot)
  await cluster.steps(5)

  t.is(cluster.status(3).role, 'stopped')
  t.regex(cluster.status(3).why.join(), /ERR_LOG_QUARANTINED: segment 2 is damaged/)
  const attempt = cluster.propose(1, 'the others go on')
  await answered(cluster, attempt)
  t.is(attempt.error, undefined)
  await cluster.closeAll()
})

test('L08: a leader that is stuck in a sync and replaced meanwhile expires no session, neither by time nor by what it was asked', async (t) => {
  const cluster = new SimulatedCluster(24, 3, {}, { options: { sessionsMax: 1 } })
  await cluster.elect(1)
  const session = await cluster.openSession(1)
  const before = cluster.propose(1, 'once', stamp(session, 1))
  await answered(cluster, before)
  const { log } = cluster.node(1)
  log.flush = () => undefined
  cluster.isolate(1)

  // A second session would take the place of the first, if the entry that opens it were committed.
  const usurper: Attempt = {}
  cluster.replica(1).openSession(
    {},
    {
      resolve: (result) => (usurper.result = result),
      reject: (error) => (usurper.error = error),
    },
  )
  await cluster.steps(1_000)
  t.is(usurper.result, undefined)
  const leader = cluster.leader() ?? 0
  t.not(leader, 1)
  const retry = cluster.propose(leader, 'once', stamp(session, 1))
  const next = cluster.propose(leader, 'next', stamp(session, 2))
  await answered(cluster, retry, next)
  t.deepEqual(retry.result?.result, before.result?.result)
  t.is(retry.result?.index, before.result?.index)
  t.is(next.error, undefined)

  Reflect.deleteProperty(log, 'flush')
  cluster.heal()
  await cluster.until('settled', () => cluster.isSettled())
  const last = cluster.propose(cluster.leader() ?? 0, 'last', stamp(session, 3))
  await answered(cluster, last)

  t.is(last.error, undefined)
  await cluster.until('settled', () => cluster.isSettled())
  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['once', 'next', 'last'])
  await cluster.closeAll()
})
