import test from 'ava'

import type { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import { forcedChange } from '../../src/raft/forced-configuration.js'
import type { MembershipChange } from '../../src/raft/membership.js'
import { answered } from './attempts.js'
import { SimulatedCluster, settle } from './simulated-cluster.js'
import type { Attempt } from './simulated-cluster.js'

const simple = (incoming: number[], learners: number[] = []): object => ({
  incoming,
  outgoing: [],
  learners,
})

const configuration = (cluster: SimulatedCluster, id: number): object =>
  cluster.status(id).configuration

/** Three voters, a fourth node that runs and waits to be added. */
const four = (seed: number, appliesLater = false): SimulatedCluster =>
  new SimulatedCluster(seed, 4, { appliesLater }, { voters: [1, 2, 3] })

async function made(cluster: SimulatedCluster, attempt: Attempt): Promise<void> {
  await answered(cluster, attempt)
  if (attempt.error !== undefined) throw attempt.error
}

for (const appliesLater of [false, true]) {
  test(`a voter is added, receives the log and decides with the others (machine later: ${appliesLater})`, async (t) => {
    const cluster = four(1, appliesLater)
    await cluster.elect(1)
    await made(cluster, cluster.propose(1, 'before'))

    const added = cluster.change(1, 'v4')
    await made(cluster, added)
    await cluster.until('settled', () => cluster.isSettled())

    t.like(added.result?.result, simple([1, 2, 3, 4]))
    for (const id of [1, 2, 3, 4]) t.like(configuration(cluster, id), simple([1, 2, 3, 4]))
    t.deepEqual(cluster.node(4).machine.texts, ['before'])
    cluster.kill(2)
    await made(cluster, cluster.propose(1, 'three of four'))
    await cluster.closeAll()
  })
}

test('a removed voter does not count any more', async (t) => {
  const cluster = new SimulatedCluster(2, 4)
  await cluster.elect(1)

  await made(cluster, cluster.change(1, 'r4'))
  cluster.kill(4)
  cluster.kill(3)
  await made(cluster, cluster.propose(1, 'two of three'))

  t.like(configuration(cluster, 1), simple([1, 2, 3]))
  await cluster.closeAll()
})

test('M05: a leader that is removed answers what it proposed, steps down, and another one leads', async (t) => {
  const cluster = new SimulatedCluster(3)
  await cluster.elect(1)

  const removal = cluster.change(1, 'r1')
  const behind = cluster.propose(1, 'behind it')
  await answered(cluster, removal, behind)

  t.like(removal.result?.result, simple([2, 3]))
  t.is(behind.error?.code ?? 'ERR_PROPOSAL_LOST', 'ERR_PROPOSAL_LOST')
  await cluster.until('a leader', () => cluster.leader() !== null && cluster.leader() !== 1)
  t.is(cluster.status(1).role, 'follower')
  await made(cluster, cluster.propose(cluster.leader() ?? 0, 'without it'))
  await cluster.closeAll()
})

test('M06: when one of two voters removes itself, the other one leads', async (t) => {
  const cluster = new SimulatedCluster(4, 2)
  await cluster.elect(1)

  await made(cluster, cluster.change(1, 'r1'))
  await cluster.until('a leader', () => cluster.leader() === 2)

  await made(cluster, cluster.propose(2, 'alone'))
  t.like(configuration(cluster, 2), simple([2]))
  t.deepEqual(cluster.status(1).why, [
    `does not belong to the partition and knows no leader in term ${cluster.status(1).term}; it does not campaign`,
  ])
  await cluster.closeAll()
})

test('several changes go through a joint configuration that the leader leaves by itself', async (t) => {
  const cluster = new SimulatedCluster(5, 5, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)

  const change = cluster.change(1, 'v4 v5 r2 r3')
  await made(cluster, change)
  t.like(change.result?.result, { incoming: [1, 4, 5], outgoing: [1, 2, 3], autoLeave: true })
  await cluster.until('left', () => cluster.status(5).configuration.incoming.length === 3)
  await cluster.until('settled', () => cluster.isSettled())

  for (const id of [1, 4, 5]) t.like(configuration(cluster, id), simple([1, 4, 5]))
  await cluster.closeAll()
})

test('an explicit joint configuration stays until it is left on purpose', async (t) => {
  const cluster = four(6)
  await cluster.elect(1)

  await made(cluster, cluster.change(1, 'v4', 'joint-explicit'))
  const other = cluster.change(1, 'r2')
  await answered(cluster, other)
  t.like(other.error, {
    code: 'ERR_MEMBERSHIP_REFUSED',
    message: 'must transition out of joint config first',
    outcome: 'not-applied',
  })
  await made(cluster, cluster.change(1, ''))

  t.like(configuration(cluster, 1), simple([1, 2, 3, 4]))
  await cluster.closeAll()
})

test('M03: the next leader leaves a joint configuration that the one before it entered', async (t) => {
  const cluster = four(7)
  await cluster.elect(1)
  const { applied } = cluster.node(1).machine
  const change = cluster.change(1, 'v4 r3')
  await cluster.until('joint', () => cluster.status(2).configuration.outgoing.length > 0)

  cluster.kill(1)
  await cluster.until('left', () => cluster.status(2).configuration.outgoing.length === 0)

  t.is(applied.length, 0)
  t.like(configuration(cluster, 2), simple([1, 2, 4]))
  t.is(change.error?.code ?? 'ERR_CLOSED', 'ERR_CLOSED')
  await cluster.closeAll()
})

test('a restarted replica finds its configuration in its log, and its change goes on', async (t) => {
  const cluster = four(8)
  await cluster.elect(1)
  await made(cluster, cluster.change(1, 'v4', 'joint-explicit'))
  await cluster.until('settled', () => cluster.isSettled())

  for (const id of [1, 2, 3, 4]) cluster.kill(id)
  for (const id of [1, 2, 3, 4]) await cluster.restart(id)
  const leader = await cluster.elect()

  t.like(configuration(cluster, leader), { incoming: [1, 2, 3, 4], outgoing: [1, 2, 3] })
  await made(cluster, cluster.change(leader, ''))
  t.like(configuration(cluster, leader), simple([1, 2, 3, 4]))
  await cluster.closeAll()
})

test('M02: a joint change that a restart found uncommitted commits under both majorities', async (t) => {
  const cluster = new SimulatedCluster(9, 5, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)
  for (const id of [2, 3]) cluster.cut(id, 1)
  cluster.change(1, 'v4 v5', 'joint-explicit')
  await cluster.until('written', () => cluster.status(2).durableIndex === 2)

  for (const id of [1, 2, 3]) cluster.kill(id)
  cluster.heal()
  for (const id of [1, 2, 3]) await cluster.restart(id)
  const leader = await cluster.elect()

  t.like(configuration(cluster, leader), { incoming: [1, 2, 3, 4, 5], outgoing: [1, 2, 3] })
  for (const id of [1, 2, 3].filter((id) => id !== leader)) cluster.kill(id)
  const attempt = cluster.propose(leader, 'a majority of the incoming half only')
  await cluster.steps(100)
  t.is(attempt.result, undefined)
  await cluster.closeAll()
})

test('a learner receives the log, neither counts nor campaigns, and can be promoted', async (t) => {
  const cluster = new SimulatedCluster(10, 3, {}, { voters: [1, 2], learners: [3] })
  await cluster.elect(1)
  await made(cluster, cluster.propose(1, 'learnt'))
  await cluster.until('settled', () => cluster.isSettled())
  t.deepEqual(cluster.node(3).machine.texts, ['learnt'])

  cluster.replica(3).campaign()
  await cluster.steps(10)
  t.is(cluster.leader(), 1)
  await made(cluster, cluster.change(1, 'v3'))
  cluster.kill(2)
  await made(cluster, cluster.propose(1, 'two of three'))

  t.like(configuration(cluster, 3), simple([1, 2, 3]))
  await cluster.closeAll()
})

test('one change at a time: the second one is told to wait', async (t) => {
  const cluster = new SimulatedCluster(11, 5, {}, { voters: [1, 2, 3] })
  await cluster.elect(1)

  const first = cluster.change(1, 'v4')
  const second = cluster.change(1, 'v5')
  await answered(cluster, first, second)

  t.is(first.error, undefined)
  t.like(second.error, {
    code: 'ERR_MEMBERSHIP_BUSY',
    message: 'possible unapplied conf change at index 2 (applied to 1)',
    retryable: true,
  })
  await made(cluster, cluster.change(1, 'v5'))
  await cluster.closeAll()
})

test('changes are refused with the exact reason, and leave nothing', async (t) => {
  const cluster = new SimulatedCluster(12, 2, {}, { voters: [1] })
  await cluster.elect(1)
  const { lastIndex } = cluster.status(1)

  const last = cluster.change(1, 'r1')
  const leaving = cluster.change(1, '')
  const elsewhere = cluster.change(2, 'v2')
  await answered(cluster, last, leaving, elsewhere)

  t.like(last.error, { code: 'ERR_MEMBERSHIP_REFUSED', message: 'removed all voters' })
  t.like(leaving.error, {
    code: 'ERR_MEMBERSHIP_REFUSED',
    message: 'not in joint state; refusing empty conf change',
  })
  t.like(elsewhere.error, { code: 'ERR_NOT_LEADER', outcome: 'not-applied' })
  t.is(cluster.status(1).lastIndex, lastIndex)
  await cluster.closeAll()
})

test('what is no change never reaches the log: no replica could read it', async (t) => {
  const cluster = new SimulatedCluster(13, 1)
  await cluster.elect(1)
  const wrong = [
    { transition: 'sideways', changes: [{ kind: 'remove', id: 2 }] },
    { transition: 'auto', changes: [{ kind: 'promote', id: 2 }] },
    { transition: 'auto', changes: [{ kind: 'remove', id: 0.5 }] },
    forcedChange(asReplica(1), 2),
  ] as unknown as readonly MembershipChange[]

  for (const change of wrong) {
    const error = await new Promise((resolve) => {
      cluster.replica(1).changeMembership(change, {}, { resolve, reject: resolve })
    })
    t.like(error, { code: 'ERR_INVALID_ARGUMENT' })
  }
  await cluster.closeAll()
})

test('leadership is handed to a voter that lags, once it has caught up', async (t) => {
  const cluster = new SimulatedCluster(14)
  await cluster.elect(1)
  await oldEnough(cluster)
  cluster.isolate(3)
  await made(cluster, cluster.propose(1, 'missed'))
  cluster.heal()

  const transfer = cluster.replica(1).transferLeadership(asReplica(3))
  await cluster.until('handed over', () => cluster.status(1).leader === 'n3')
  await transfer

  t.deepEqual(cluster.node(3).machine.texts, ['missed'])
  await made(cluster, cluster.propose(3, 'led by three'))
  await cluster.closeAll()
})

test('a leadership is handed over when it is 750 ms old, not before', async (t) => {
  const cluster = new SimulatedCluster(19)
  await cluster.elect(1)
  const ask = (): Promise<void> => cluster.replica(1).transferLeadership(asReplica(2))

  const error = (await ask().catch((thrown: unknown) => thrown)) as ClustorError

  t.like(error, { code: 'ERR_TRANSFER_TOO_SOON', retryable: true, outcome: 'not-applied' })
  await cluster.steps(Number(error.fields['remainingMs']) / 10 + 1)
  const transfer = ask()
  await cluster.until('handed over', () => cluster.status(1).leader === 'n2')
  await t.notThrowsAsync(transfer)
  await cluster.closeAll()
})

/** Until a leader may hand over. */
const oldEnough = (cluster: SimulatedCluster): Promise<void> => cluster.steps(76)

test('a transfer that cannot begin is refused, and says why', async (t) => {
  const cluster = four(15)
  await cluster.elect(1)
  await oldEnough(cluster)
  const ask = async (from: number, to: number): Promise<unknown> => {
    const transfer = cluster.replica(from).transferLeadership(asReplica(to))
    return await transfer.catch((error: unknown) => error)
  }

  t.like(await ask(1, 4), { code: 'ERR_TRANSFER_REFUSED', message: 'replica 4 is no voter' })
  t.like(await ask(1, 1), { code: 'ERR_TRANSFER_REFUSED', message: 'replica 1 leads already' })
  t.like(await ask(2, 3), { code: 'ERR_NOT_LEADER' })
  cluster.kill(3)
  cluster.kill(2)
  await cluster.closeAll()
})

test('a transfer to a voter that is down fails after an election timeout, and the leader goes on', async (t) => {
  const cluster = new SimulatedCluster(16)
  await cluster.elect(1)
  await oldEnough(cluster)
  cluster.kill(3)

  const transfer = cluster.replica(1).transferLeadership(asReplica(3))
  const outcome = transfer.catch((error: unknown) => error)
  await settle()
  t.is(cluster.status(1).transferTarget, asReplica(3))
  const refused = cluster.propose(1, 'meanwhile')
  await answered(cluster, refused)
  t.like(refused.error, { code: 'ERR_NOT_LEADER', fields: { leader: 'n3' } })
  await cluster.steps(40)

  t.like(await outcome, { code: 'ERR_TRANSFER_FAILED', retryable: true })
  t.is(cluster.status(1).transferTarget, null)
  await made(cluster, cluster.propose(1, 'afterwards'))
  await cluster.closeAll()
})

test('a transfer ends with the replica, and at its deadline', async (t) => {
  const cluster = new SimulatedCluster(17)
  await cluster.elect(1)
  await oldEnough(cluster)
  cluster.isolate(1)
  const replica = cluster.replica(1)

  const late = replica
    .transferLeadership(asReplica(2), { timeoutMs: 100 })
    .catch((error: unknown) => error)
  await cluster.steps(20)
  t.like(await late, { code: 'ERR_TIMEOUT', outcome: 'unknown' })
  const closed = replica.transferLeadership(asReplica(2)).catch((error: unknown) => error)
  await replica.close()
  t.like(await closed, { code: 'ERR_CLOSED' })
  t.like(await replica.transferLeadership(asReplica(2)).catch((error: unknown) => error), {
    code: 'ERR_CLOSED',
  })
  await cluster.closeAll()
})

test('a follower that forgets its leader votes for another one at once', async (t) => {
  const cluster = new SimulatedCluster(18)
  await cluster.elect(1)
  cluster.isolate(1)

  for (const id of [2, 3]) cluster.replica(id).forgetLeader()
  cluster.replica(2).campaign()
  await cluster.steps(6)

  t.is(cluster.leader(), 2)
  await cluster.closeAll()
})
