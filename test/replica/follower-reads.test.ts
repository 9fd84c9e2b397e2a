import test from 'ava'

import { asIndex } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { answered, readTexts, readTextsAt, readsEnded } from './attempts.js'
import type { ReadAttempt } from './attempts.js'
import { SimulatedCluster, settle } from './simulated-cluster.js'

const anywhere = { anywhere: true }

/** n1 leads, and n3 is a follower that has not heard of the write of which the index is returned. */
async function behind(
  seed: number,
): Promise<{ cluster: SimulatedCluster; index: ReturnType<typeof asIndex> }> {
  const cluster = new SimulatedCluster(seed)
  await cluster.elect(1)
  await cluster.until('settled', () => cluster.isSettled())
  cluster.cut(1, 3)
  const write = cluster.propose(1, 'written')
  await answered(cluster, write)
  return { cluster, index: write.result?.index ?? asIndex(0) }
}

test('a follower that asks its leader answers linearizable reads', async (t) => {
  const cluster = new SimulatedCluster(1)
  await cluster.elect(1)
  await answered(cluster, cluster.propose(1, 'written'))

  const reads = [1, 2, 3].map((id) => readTexts(cluster, id, anywhere))
  await readsEnded(cluster, ...reads)

  for (const read of reads) t.deepEqual(read.seen, ['written'])
  await cluster.closeAll()
})

test('a learner answers them too', async (t) => {
  const cluster = new SimulatedCluster(2, 4, {}, { voters: [1, 2, 3], learners: [4] })
  await cluster.elect(1)
  await answered(cluster, cluster.propose(1, 'written'))

  const read = readTexts(cluster, 4, anywhere)
  await readsEnded(cluster, read)

  t.deepEqual(read.seen, ['written'])
  await cluster.closeAll()
})

test('L05: a follower that does not hear its leader answers no linearizable read', async (t) => {
  const { cluster } = await behind(3)

  const read = readTexts(cluster, 3, { ...anywhere, timeoutMs: 200 })
  await readsEnded(cluster, read)

  t.is(read.seen, undefined)
  t.is(read.error?.code, 'ERR_TIMEOUT')
  await cluster.closeAll()
})

test('without a leader a read that may be served anywhere is refused and may be tried again', async (t) => {
  const cluster = new SimulatedCluster(4)

  const read = readTexts(cluster, 1, anywhere)
  await settle()

  t.like(read.error, { code: 'ERR_NOT_LEADER', retryable: true, outcome: 'not-applied' })
  await cluster.closeAll()
})

test('L10: with the index of a write a follower waits until it shows the write', async (t) => {
  const { cluster, index } = await behind(5)

  const read = readTextsAt(cluster, 3, index)
  const stale = cluster.replica(3).readLocal(({ texts }) => [...texts])
  await cluster.steps(10)
  t.deepEqual([stale.value, read], [[], {}])
  cluster.heal()
  await readsEnded(cluster, read)

  t.deepEqual(read.seen, ['written'])
  await cluster.closeAll()
})

test('L10: reads in a session of a client never go back, whichever node answers', async (t) => {
  const cluster = new SimulatedCluster(6, 3, { delayStepsMax: 4, lossPercent: 5 })
  const leader = await cluster.elect()
  const random = new SeededRandom(6)
  let seenCount = 0
  for (let round = 0; round < 60; round++) {
    const write = cluster.propose(leader, `${round}`)
    await answered(cluster, write)
    const node = integerBetween(random, 1, 3)
    const read = readTextsAt(cluster, node, write.result?.index ?? asIndex(0))
    await readsEnded(cluster, read)

    t.true((read.seen?.length ?? 0) > seenCount)
    seenCount = read.seen?.length ?? 0
  }
  await cluster.closeAll()
})

test('L10: an index that no entry gets ends at the deadline', async (t) => {
  const cluster = new SimulatedCluster(7)
  await cluster.elect(1)

  const read = readTextsAt(cluster, 2, asIndex(1_000_000), { timeoutMs: 300 })
  await readsEnded(cluster, read)

  t.is(read.error?.code, 'ERR_TIMEOUT')
  t.is(cluster.status(2).pending.reads, 0)
  await cluster.closeAll()
})

/** The leader of five stands still, one follower hears nobody else, and the other three elect another one, who writes. The
 *  old leader hears nothing of that.
 *  @returns the read that the one asked the old leader for after that write; null when it had given up its leader before. */
async function readThroughPaused(seed: number): Promise<ReadAttempt | null> {
  const cluster = new SimulatedCluster(seed, 5, {}, { options: { leaseMs: 70 } })
  const leader = await cluster.elect()
  await cluster.until('a lease', () => cluster.status(leader).leaseHeld)
  const [asking = 0, ...others] = [1, 2, 3, 4, 5].filter((id) => id !== leader)
  for (const other of others) {
    for (const id of [leader, asking]) cluster.cut(other, id)
    cluster.cut(asking, other)
  }
  cluster.pause(leader)
  await cluster.until('a successor', () => others.includes(cluster.leader() ?? 0))
  await answered(cluster, cluster.propose(cluster.leader() ?? 0, 'newer'))
  if (cluster.status(asking).leader !== `n${leader}`) return null

  const read = readTexts(cluster, asking, { ...anywhere, timeoutMs: 1000 })
  await cluster.step()
  await cluster.step()
  cluster.resume(leader)
  await readsEnded(cluster, read)
  await cluster.closeAll()
  return read
}

test('L03: a leader that was paused gives a follower no index by a lease that is over', async (t) => {
  let asked = 0
  for (let seed = 700; seed < 730; seed++) {
    const read = await readThroughPaused(seed)
    if (read === null) continue
    asked += 1
    t.deepEqual(read.seen ?? ['newer'], ['newer'], `seed ${seed}`)
  }
  t.true(asked > 0)
})
