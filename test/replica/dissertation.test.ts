// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", chapter 6, that states what clients see of
// sessions and reads, in our own words. The name of each test begins with the section.
import test from 'ava'
import { asIndex } from '../../src/base/ids.js'
import { answered, readTexts, stamp } from './attempts.js'
import { SimulatedCluster, settle, type Attempt } from './simulated-cluster.js'

const answerOf = ({ result }: Attempt): string =>
  Buffer.from(result?.result as Uint8Array).toString()

test('§6.2: a node that does not lead refuses, and says where the leader takes requests', async (t) => {
  const cluster = new SimulatedCluster(1)
  await cluster.elect(2)
  await cluster.until('settled', () => cluster.isSettled())

  const attempt = cluster.propose(3, 'elsewhere')
  await settle()

  t.like(attempt.error, { code: 'ERR_NOT_LEADER', outcome: 'not-applied' })
  t.like(attempt.error?.fields, { leader: 'n2', leaderHint: '127.0.0.1:26032' })
  await cluster.closeAll()
})

test('§6.2: a leader that lost its majority tells its clients, instead of keeping them', async (t) => {
  const cluster = new SimulatedCluster(2)
  await cluster.elect(1)
  cluster.isolate(1)

  const kept = cluster.propose(1, 'kept')
  await answered(cluster, kept)
  const refused = cluster.propose(1, 'refused')
  await settle()

  t.like(kept.error, { code: 'ERR_PROPOSAL_LOST', outcome: 'unknown' })
  t.like(refused.error, { code: 'ERR_NOT_LEADER', outcome: 'not-applied' })
  await cluster.closeAll()
})

test('§6.3: without a session a request that is sent again is applied again', async (t) => {
  const cluster = new SimulatedCluster(3)
  const leader = await cluster.elect()

  await answered(cluster, cluster.propose(leader, 'twice'), cluster.propose(leader, 'twice'))

  t.deepEqual(cluster.node(leader).machine.texts, ['twice', 'twice'])
  await cluster.closeAll()
})

test('§6.3: with a session it is applied once, and answered as the first time', async (t) => {
  const cluster = new SimulatedCluster(4)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)

  const first = cluster.propose(leader, 'once', stamp(session, 1))
  const again = cluster.propose(leader, 'once', stamp(session, 1))
  await answered(cluster, first, again)

  t.is(answerOf(again), answerOf(first))
  t.deepEqual(cluster.node(leader).machine.texts, ['once'])
  await cluster.closeAll()
})

test('§6.3: a client that was not answered asks the next leader, and the request counts once', async (t) => {
  const cluster = new SimulatedCluster(5)
  await cluster.elect(1)
  const session = await cluster.openSession(1)
  // The followers take the entry; their answers, and so that of the leader, are lost.
  cluster.cut(2, 1)
  cluster.cut(3, 1)
  const lost = cluster.propose(1, 'once', stamp(session, 1))
  await cluster.steps(2)
  t.is(lost.result, undefined)
  cluster.isolate(1)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)

  const retry = cluster.propose(cluster.leader() ?? 0, 'once', stamp(session, 1))
  await answered(cluster, retry)
  cluster.heal()
  await cluster.until('settled', () => cluster.isSettled())

  t.is(answerOf(retry), '1')
  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['once'])
  await cluster.closeAll()
})

test('§6.3: the id of a session is the index of the entry that opened it, so no two are alike', async (t) => {
  const cluster = new SimulatedCluster(6)
  const leader = await cluster.elect()

  const first = await cluster.openSession(leader)
  const second = await cluster.openSession(leader)

  t.is(second - first, 1)
  await cluster.closeAll()
})

test('§6.3: requests of different sessions may bear the same number', async (t) => {
  const cluster = new SimulatedCluster(7)
  const leader = await cluster.elect()
  const sessions = [await cluster.openSession(leader), await cluster.openSession(leader)]

  const attempts = sessions.map((session) => cluster.propose(leader, 'mine', stamp(session, 1)))
  await answered(cluster, ...attempts)

  t.deepEqual(attempts.map(answerOf), ['1', '2'])
  await cluster.closeAll()
})

test('§6.3: a client may have several requests under way, and each is answered as its first time', async (t) => {
  const cluster = new SimulatedCluster(8)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)
  const propose = (): Attempt[] =>
    [1, 2, 3, 4].map((sequence) =>
      cluster.propose(leader, `p${sequence}`, stamp(session, sequence)),
    )

  const attempts = propose()
  const retries = propose()
  await answered(cluster, ...attempts, ...retries)

  t.deepEqual(attempts.map(answerOf), ['1', '2', '3', '4'])
  t.deepEqual(retries.map(answerOf), ['1', '2', '3', '4'])
  await cluster.closeAll()
})

test('§6.3: a client says which answers it has, and those are not kept', async (t) => {
  const cluster = new SimulatedCluster(9)
  const leader = await cluster.elect()
  const session = await cluster.openSession(leader)
  await answered(cluster, cluster.propose(leader, 'a', stamp(session, 1)))
  const second = { session, sequence: 2, acknowledgedSequence: 1 }
  await answered(cluster, cluster.propose(leader, 'b', second))

  const retry = cluster.propose(leader, 'a', stamp(session, 1))
  await answered(cluster, retry)

  t.is(retry.result?.result, undefined)
  t.deepEqual(cluster.node(leader).machine.texts, ['a', 'b'])
  await cluster.closeAll()
})

test('§6.3: all servers expire the same session at the same entry: the one that was used least recently', async (t) => {
  const cluster = new SimulatedCluster(10, 3, {}, { options: { sessionsMax: 2 } })
  await cluster.elect(1)
  const used = await cluster.openSession(1)
  const unused = await cluster.openSession(1)
  await answered(cluster, cluster.propose(1, 'a', stamp(used, 1)))
  await cluster.openSession(1)
  await cluster.until('settled', () => cluster.isSettled())

  // Another server decides alike, from its own table.
  cluster.kill(1)
  const leader = await cluster.elect()
  const kept = cluster.propose(leader, 'b', stamp(used, 2))
  const expired = cluster.propose(leader, 'c', stamp(unused, 1))
  await answered(cluster, kept, expired)

  t.is(answerOf(kept), '2')
  t.like(expired.error, { code: 'ERR_SESSION_EXPIRED', outcome: 'not-applied' })
  await cluster.closeAll()
})

test('§6.3: a session that nobody knows is refused, never begun anew', async (t) => {
  const cluster = new SimulatedCluster(11)
  const leader = await cluster.elect()

  const attempt = cluster.propose(leader, 'whose', stamp(asIndex(4_711), 1))
  await answered(cluster, attempt)

  t.like(attempt.error, { code: 'ERR_SESSION_EXPIRED', outcome: 'not-applied' })
  t.deepEqual(cluster.node(leader).machine.texts, [])
  await cluster.closeAll()
})

test('§6.4: a read sees every write that was answered before it was asked', async (t) => {
  const cluster = new SimulatedCluster(12)
  const leader = await cluster.elect()

  for (const text of ['a', 'b', 'c']) {
    await answered(cluster, cluster.propose(leader, text))
    const read = readTexts(cluster, leader)
    await cluster.until('the read', () => read.seen !== undefined)
    t.is(read.seen?.at(-1), text)
  }

  await cluster.closeAll()
})

test('§6.4: a read waits until the state machine has applied what was committed when it was asked', async (t) => {
  const cluster = new SimulatedCluster(13, 3, { appliesLater: true })
  const leader = await cluster.elect()
  let release = (): void => undefined
  const { machine } = cluster.node(leader)
  const apply = machine.apply.bind(machine)
  machine.apply = async (batch) => {
    await new Promise<void>((resolve) => (release = resolve))
    return apply(batch)
  }
  cluster.propose(leader, 'slow')
  const { commitIndex } = cluster.status(leader)
  await cluster.until('the commit', () => cluster.status(leader).commitIndex > commitIndex)

  const read = readTexts(cluster, leader)
  await cluster.steps(5)
  t.is(read.seen, undefined)
  release()
  await cluster.until('the read', () => read.seen !== undefined)

  t.deepEqual(read.seen, ['slow'])
  await cluster.closeAll()
})

test('§6.4: a leader that was replaced without knowing answers no read', async (t) => {
  const cluster = new SimulatedCluster(14)
  await cluster.elect(1)
  cluster.isolate(1)

  const read = readTexts(cluster, 1)
  await cluster.until('another leader', () => (cluster.leader() ?? 1) !== 1)
  await answered(cluster, cluster.propose(cluster.leader() ?? 0, 'new'))
  cluster.heal()
  await cluster.until('an end', () => read.error !== undefined)

  t.is(read.seen, undefined)
  t.like(read.error, { code: 'ERR_NOT_LEADER' })
  await cluster.closeAll()
})
