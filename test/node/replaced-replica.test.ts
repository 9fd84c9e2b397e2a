import { rm } from 'node:fs/promises'
import test from 'ava'

import { asReplica } from '../../src/base/ids.js'
import { ClustorError } from '../../src/base/errors.js'
import type { MembershipChange, ReplicaChange } from '../../src/raft/membership.js'
import { eventually } from '../support/eventually.js'
import { LoopbackCluster, putCommand, untilChange } from './loopback-cluster.js'

const change = (kind: ReplicaChange['kind'], id: number): MembershipChange => ({
  transition: 'auto',
  changes: [{ kind, id: asReplica(id) }],
})

/** Starts a node again without anything that it had. */
async function wipe(cluster: LoopbackCluster, name: string): Promise<void> {
  await cluster.stop(name)
  await rm(cluster.options(name).dataDir, { recursive: true })
  await cluster.start(name)
}

test('M09: a voter that lost its disk is refused, counts for nothing, and is back once it was removed and added', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  await cluster.startAll()
  const leader = await cluster.leader()
  const name = leader.status().leader ?? ''
  const [wiped = '', other = ''] = cluster.names.filter((each) => each !== name)
  const id = cluster.partition(wiped).status().replica
  await leader.propose(putCommand('a', 'one'))
  await untilChange(
    cluster.partition(other),
    () => cluster.partition(other).status().appliedIndex > 1,
  )

  await wipe(cluster, wiped)
  await eventually(() => cluster.problems.some(({ code }) => code === 'ERR_REPLICA_REPLACED'))
  await cluster.stop(other)
  const error = await t.throwsAsync(leader.propose(putCommand('b', 'two'), { timeoutMs: 600 }))
  t.regex(
    error instanceof ClustorError ? error.code : '',
    /ERR_TIMEOUT|ERR_NOT_LEADER|ERR_PROPOSAL_LOST/,
  )

  await cluster.start(other)
  await makeChange(cluster, change('remove', id))
  await makeChange(cluster, change('add-learner', id))
  await makeChange(cluster, change('add-voter', id))
  const back = cluster.partition(wiped)
  await untilChange(back, () => back.readLocal((machine) => machine.count({})).value > 0)
  t.deepEqual([...(await cluster.leader()).status().configuration.incoming], [1, 2, 3])
})

/** Makes a change by whoever leads, as soon as the moment admits it. */
async function makeChange(cluster: LoopbackCluster, wanted: MembershipChange): Promise<void> {
  for (;;) {
    try {
      await (await cluster.leader()).changeMembership(wanted)
      return
    } catch (error) {
      if (!(error instanceof ClustorError) || !error.retryable) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
