import test from 'ava'

import type { ClustorError } from '../../src/base/errors.js'
import type { LogIndex } from '../../src/base/ids.js'
import type { Change } from '../../src/replica/subscription.js'
import { answered, readTexts, stamp } from './attempts.js'
import { SimulatedCluster, settle } from './simulated-cluster.js'
import type { Attempt } from './simulated-cluster.js'

test('three replicas elect a leader and apply a proposal on all of them', async (t) => {
  const cluster = new SimulatedCluster(1)
  const leader = await cluster.elect()

  const attempt = cluster.propose(leader, 'hello')
  await cluster.until('settled', () => attempt.result !== undefined && cluster.isSettled())

  t.deepEqual(Buffer.from(attempt.result?.result as Uint8Array).toString(), '1')
  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['hello'])
  await cluster.closeAll()
})

test('a single replica leads itself', async (t) => {
  const cluster = new SimulatedCluster(1, 1)
  await cluster.elect()

  const attempt = cluster.propose(1, 'alone')
  await answered(cluster, attempt)

  t.deepEqual(cluster.node(1).machine.texts, ['alone'])
  await cluster.closeAll()
})

test('proposals of one turn become one write and keep their order', async (t) => {
  const cluster = new SimulatedCluster(2)
  const leader = await cluster.elect()
  const texts = Array.from({ length: 50 }, (_, at) => `p${at}`)

  const attempts = texts.map((text) => cluster.propose(leader, text))
  await settle()
  t.is(cluster.node(leader).log.queuedWrites, 1)
  await answered(cluster, ...attempts)

  t.deepEqual(cluster.node(leader).machine.texts, texts)
  const indexes = attempts.map(({ result }) => result?.index ?? 0)
  t.deepEqual(
    indexes,
    [...indexes].sort((a, b) => a - b),
  )
  await cluster.closeAll()
})

test('R07: a quorum of followers commits while the disk of the leader is slow', async (t) => {
  const cluster = new SimulatedCluster(3)
  const leader = await cluster.elect()
  const { log } = cluster.node(leader)
  log.flush = () => undefined

  const attempt = cluster.propose(leader, 'fast')
  await answered(cluster, attempt)

  t.is(attempt.error, undefined)
  t.is(attempt.result?.index, cluster.status(leader).appliedIndex)
  t.true(cluster.status(leader).durableIndex < (attempt.result?.index ?? 0))
  await cluster.closeAll()
})

test('a follower refuses proposals and reads and names the leader', async (t) => {
  const cluster = new SimulatedCluster(4)
  const leader = await cluster.elect(2)
  await cluster.until('settled', () => cluster.isSettled())

  const attempt = cluster.propose(1, 'wrong node')
  const read = readTexts(cluster, 1)
  await settle()

  for (const error of [attempt.error, read.error]) {
    t.like(error, { code: 'ERR_NOT_LEADER', outcome: 'not-applied', retryable: true })
    t.like(error?.fields, { leader: 'n2', leaderHint: '127.0.0.1:26032' })
  }
  t.is(leader, 2)
  t.deepEqual(cluster.status(1).why, [`n2 leads term ${cluster.status(2).term}`])
  await cluster.closeAll()
})

test('R14, L06: a session retry after a leader change is applied once, with the same answer', async (t) => {
  const cluster = new SimulatedCluster(5)
  await cluster.elect(1)
  const session = await cluster.openSession(1)
  const first = cluster.propose(1, 'once', stamp(session, 1))
  await answered(cluster, first)

  cluster.kill(1)
  const leader = await cluster.elect()
  const retry = cluster.propose(leader, 'once', stamp(session, 1))
  const next = cluster.propose(leader, 'twice', stamp(session, 2))
  await answered(cluster, retry, next)

  t.deepEqual(retry.result?.result, first.result?.result)
  t.is(retry.result?.index, first.result?.index)
  t.deepEqual(cluster.node(leader).machine.texts, ['once', 'twice'])
  await cluster.restart(1)
  await cluster.until('settled', () => cluster.isSettled())
  t.deepEqual(cluster.node(1).machine.texts, ['once', 'twice'])
  await cluster.closeAll()
})

test('a gap in a session is refused, and the session goes on in order', async (t) => {
  const cluster = new SimulatedCluster(6)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)

  const gap = cluster.propose(leader, 'second', stamp(session, 2))
  const first = cluster.propose(leader, 'first', stamp(session, 1))
  const second = cluster.propose(leader, 'second', stamp(session, 2))
  await answered(cluster, gap, first, second)

  t.like(gap.error, { code: 'ERR_SESSION_GAP', outcome: 'not-applied', retryable: true })
  t.deepEqual(cluster.node(leader).machine.texts, ['first', 'second'])
  await cluster.closeAll()
})

test('L07: an expired session is told, never silently applied again', async (t) => {
  const cluster = new SimulatedCluster(7)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)
  const closed: Attempt = {}
  cluster
    .replica(leader)
    .closeSession(
      session,
      {},
      { resolve: (result) => (closed.result = result), reject: (error) => (closed.error = error) },
    )

  const late = cluster.propose(leader, 'late', stamp(session, 1))
  await answered(cluster, closed, late)

  t.like(late.error, { code: 'ERR_SESSION_EXPIRED', outcome: 'not-applied', retryable: false })
  t.deepEqual(cluster.node(leader).machine.texts, [])
  await cluster.closeAll()
})

test('a proposal of a lost leader that another entry replaced is reported as not applied', async (t) => {
  const cluster = new SimulatedCluster(8)
  await cluster.elect(1)
  cluster.isolate(1)
  const lost = cluster.propose(1, 'lost')
  await cluster.steps(3)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)
  const winner = cluster.propose(cluster.leader() ?? 0, 'won')
  await answered(cluster, winner)

  cluster.heal()
  await answered(cluster, lost)
  await cluster.until('settled', () => cluster.isSettled())

  t.like(lost.error, { code: 'ERR_PROPOSAL_LOST', outcome: 'not-applied' })
  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['won'])
  await cluster.closeAll()
})

test('E06: a leader that hears nobody steps down and answers "unknown" when it cannot find out', async (t) => {
  const cluster = new SimulatedCluster(9)
  await cluster.elect(1)
  cluster.isolate(1)

  const lost = cluster.propose(1, 'lost')
  await answered(cluster, lost)
  const refused = cluster.propose(1, 'refused')
  await settle()

  t.like(lost.error, { code: 'ERR_PROPOSAL_LOST', outcome: 'unknown' })
  t.like(refused.error, { code: 'ERR_NOT_LEADER', outcome: 'not-applied' })
  t.not(cluster.status(1).role, 'leader')
  await cluster.closeAll()
})

test('a proposal of a lost leader that commits after all is answered with its result', async (t) => {
  const cluster = new SimulatedCluster(10)
  await cluster.elect(1)
  // The followers get the entry; their answers, and everything else to the leader, are lost.
  cluster.cut(2, 1)
  cluster.cut(3, 1)
  const attempt = cluster.propose(1, 'kept')
  await cluster.steps(3)
  cluster.cut(1, 2)
  cluster.cut(1, 3)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)
  cluster.heal()

  await answered(cluster, attempt)

  t.is(attempt.error, undefined)
  t.truthy(attempt.result)
  await cluster.closeAll()
})

test('an aborted proposal says whether it may still be applied', async (t) => {
  const cluster = new SimulatedCluster(11)
  const leader = await cluster.elect()
  const controller = new AbortController()
  const before: Attempt = {}
  const after: Attempt = {}
  const waiter = (attempt: Attempt) => ({
    resolve: (result: Attempt['result']) => Object.assign(attempt, { result }),
    reject: (error: ClustorError) => Object.assign(attempt, { error }),
  })
  const { signal } = controller

  cluster.replica(leader).propose(Buffer.from('after'), { signal }, waiter(after))
  await settle()
  cluster.replica(leader).propose(Buffer.from('before'), { signal }, waiter(before))
  controller.abort()
  await cluster.steps(5)

  t.like(after.error, { code: 'ERR_ABORTED', outcome: 'unknown' })
  t.like(before.error, { code: 'ERR_ABORTED', outcome: 'not-applied' })
  t.deepEqual(cluster.node(leader).machine.texts, ['after'])
  await cluster.closeAll()
})

test('a proposal that is too large is refused before it costs anything', async (t) => {
  const cluster = new SimulatedCluster(12)
  const leader = await cluster.elect()

  const attempt = cluster.propose(leader, 'x'.repeat(2 * 1024 * 1024 + 1))

  t.like(attempt.error, { code: 'ERR_TOO_LARGE', outcome: 'not-applied' })
  await cluster.closeAll()
})

test('L05: a leader without its quorum serves no linearizable read', async (t) => {
  const cluster = new SimulatedCluster(13)
  await cluster.elect(1)
  const attempt = cluster.propose(1, 'old')
  await answered(cluster, attempt)
  cluster.isolate(1)

  const stale = readTexts(cluster, 1)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)
  const winner = cluster.propose(cluster.leader() ?? 0, 'new')
  await answered(cluster, winner)
  await cluster.steps(40)

  t.is(stale.seen, undefined)
  t.like(stale.error, { code: 'ERR_NOT_LEADER' })
  t.deepEqual(cluster.replica(1).readLocal(({ texts }) => texts).value, ['old'])
  await cluster.closeAll()
})

test('L01: a new leader serves a read only after it has committed in its own term', async (t) => {
  const cluster = new SimulatedCluster(14)
  cluster.replica(2).campaign()
  await cluster.until('n2 to lead', () => cluster.leader() === 2)
  // Heartbeats are answered; only the disks, and so the acknowledgements of its empty entry, stand still.
  for (const { log } of cluster.nodes) log.flush = () => undefined

  const read = readTexts(cluster, 2)
  await cluster.steps(10)
  t.is(read.seen, undefined)
  for (const { log } of cluster.nodes) Reflect.deleteProperty(log, 'flush')
  await cluster.until('the read', () => read.seen !== undefined)

  t.is(cluster.leader(), 2)
  await cluster.closeAll()
})

test('a linearizable read sees every write that was answered before it', async (t) => {
  const cluster = new SimulatedCluster(15)
  const leader = await cluster.elect()
  const attempt = cluster.propose(leader, 'written')
  await answered(cluster, attempt)

  const read = readTexts(cluster, leader)
  await cluster.until('the read', () => read.seen !== undefined)

  t.deepEqual(read.seen, ['written'])
  await cluster.closeAll()
})

test('a read that is not served in time fails', async (t) => {
  const cluster = new SimulatedCluster(16)
  await cluster.elect(1)
  cluster.isolate(1)

  const read = readTexts(cluster, 1, { timeoutMs: 50 })
  await cluster.steps(12)

  t.like(read.error, { code: 'ERR_TIMEOUT' })
  await cluster.closeAll()
})

test('a replica that starts again replays its log', async (t) => {
  const cluster = new SimulatedCluster(22)
  await cluster.elect(1)
  for (const text of ['a', 'b', 'c']) await answered(cluster, cluster.propose(1, text))
  await cluster.until('settled', () => cluster.isSettled())

  for (const id of [1, 2, 3]) cluster.kill(id)
  for (const id of [1, 2, 3]) await cluster.restart(id)
  await cluster.elect()
  await cluster.until('settled', () => cluster.isSettled())

  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['a', 'b', 'c'])
  await cluster.closeAll()
})

test('L09: a subscription gets every applied proposal once and in order, retries left out', async (t) => {
  const cluster = new SimulatedCluster(23)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)
  const texts = ['a', 'b', 'b', 'c']
  const before = texts.map((text, at) =>
    cluster.propose(leader, text, stamp(session, [1, 2, 2, 3][at] ?? 0)),
  )
  await answered(cluster, ...before)
  const follower = leader === 1 ? 2 : 1
  const changes: Change[] = []
  const reading = (async () => {
    for await (const change of cluster.replica(follower).subscribe()) changes.push(change)
  })()

  await cluster.until('the past', () => changes.length === 3)
  const live = cluster.propose(leader, 'd')
  await answered(cluster, live)
  await cluster.until('the present', () => changes.length === 4)

  t.deepEqual(
    changes.map(({ payload }) => Buffer.from(payload).toString()),
    ['a', 'b', 'c', 'd'],
  )
  t.is(changes[3]?.index, live.result?.index)
  await cluster.closeAll()
  await t.throwsAsync(reading, { code: 'ERR_CLOSED' })
})

test('a subscription ends by its signal, also while it waits', async (t) => {
  const cluster = new SimulatedCluster(24, 1)
  await cluster.elect()
  const controller = new AbortController()
  const next = cluster.replica(1).subscribe({ from: 1_000, signal: controller.signal }).next()
  await settle()

  controller.abort()

  await t.throwsAsync(next, { code: 'ERR_ABORTED' })
  await cluster.closeAll()
})

test('closing fails what waits and is idempotent', async (t) => {
  const cluster = new SimulatedCluster(25)
  await cluster.elect(1)
  const attempt = cluster.propose(1, 'open')
  await settle()

  const replica = cluster.replica(1)
  await Promise.all([replica.close(), replica.close()])

  t.like(attempt.error, { code: 'ERR_CLOSED', outcome: 'unknown' })
  t.is(replica.status().role, 'stopped')
  await cluster.closeAll()
})

test('a log that does not begin with its first entry is refused without a snapshot', async (t) => {
  const cluster = new SimulatedCluster(26, 1)
  await cluster.elect()
  await answered(cluster, cluster.propose(1, 'a'))
  const { log } = cluster.node(1)
  await log.truncatePrefix(log.recovered.entries.firstIndex)
  await log.truncatePrefix(2 as LogIndex)
  cluster.kill(1)

  await t.throwsAsync(cluster.restart(1), { code: 'ERR_INDEX_COMPACTED' })
})
