import test from 'ava'

import { answered, readTextsAt, readsEnded } from './attempts.js'
import { SimulatedCluster } from './simulated-cluster.js'
import type { Attempt } from './simulated-cluster.js'

const options = { proposalQueueMax: 100, uncommittedBytesMax: 64 * 1024 }

const pendingOf = (cluster: SimulatedCluster, id: number): number => {
  const { waitingProposals, inFlightProposals } = cluster.status(id).pending
  return waitingProposals + inFlightProposals
}

test('R15: a leader that applies more slowly than it commits sheds load, and forgets nothing that it took', async (t) => {
  const cluster = new SimulatedCluster(1, 3, {}, { options })
  await cluster.elect(1)
  const { machine } = cluster.node(1)
  machine.hold()
  const attempts: Attempt[] = []
  let pendingMax = 0
  for (let step = 0; step < 200; step++) {
    for (let at = 0; at < 5; at++) attempts.push(cluster.propose(1, `${step}.${at}`))
    await cluster.step()
    pendingMax = Math.max(pendingMax, pendingOf(cluster, 1))
  }
  const shed = attempts.filter(({ error }) => error !== undefined)
  t.is(pendingMax, 100)
  t.is(shed.length, 900)
  for (const { error } of shed) {
    t.like(error, { code: 'ERR_BUSY', retryable: true, outcome: 'not-applied' })
  }

  machine.release()
  await answered(cluster, ...attempts)
  await answered(cluster, cluster.propose(1, 'after it'))

  t.is(attempts.filter(({ result }) => result !== undefined).length, 100)
  t.is(machine.texts.length, 101)
  t.is(new Set(machine.texts).size, 101)
  await cluster.closeAll()
})

test('R15: proposals that were given up still count until they are applied: impatience lets nothing pile up', async (t) => {
  const cluster = new SimulatedCluster(2, 3, {}, { options: { ...options, requestTimeoutMs: 100 } })
  await cluster.elect(1)
  cluster.node(1).machine.hold()
  let unknownCount = 0
  for (let step = 0; step < 300; step++) {
    for (let at = 0; at < 5; at++) {
      cluster.replica(1).propose(
        Buffer.alloc(100),
        {},
        {
          resolve: () => undefined,
          reject: ({ outcome }) => (unknownCount += outcome === 'unknown' ? 1 : 0),
        },
      )
    }
    await cluster.step()
    t.true(pendingOf(cluster, 1) <= 100)
  }

  // Only what was in the log can have been given up with an unknown outcome.
  t.is(unknownCount, 100)
  t.true(cluster.status(1).lastIndex <= 101)
  await cluster.closeAll()
})

test('R15: a follower that applies slowly acknowledges nevertheless, and catches up', async (t) => {
  const cluster = new SimulatedCluster(3, 3, {}, { options })
  await cluster.elect(1)
  await cluster.until('settled', () => cluster.isSettled())
  const { machine } = cluster.node(2)
  machine.hold()
  cluster.kill(3)

  const attempts = Array.from({ length: 50 }, (_, at) => cluster.propose(1, `${at}`))
  await answered(cluster, ...attempts)
  const index = attempts.at(-1)?.result?.index
  t.true(cluster.status(2).appliedIndex < (index ?? 0))
  machine.release()
  const read = readTextsAt(cluster, 2, cluster.status(1).lastIndex)
  await readsEnded(cluster, read)

  t.is(read.seen?.length, 50)
  await cluster.closeAll()
})
