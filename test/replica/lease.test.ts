import test from 'ava'

import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { answered, readTexts } from './attempts.js'
import type { ReadAttempt } from './attempts.js'
import { SimulatedCluster, settle } from './simulated-cluster.js'
import type { Weather } from './simulated-cluster.js'

const options = { leaseMs: 70 }

interface Leased {
  readonly cluster: SimulatedCluster
  readonly leader: number
}

async function leased(seed: number, weather: Weather = {}): Promise<Leased> {
  const cluster = new SimulatedCluster(seed, 3, weather, { options })
  const leader = await cluster.elect()
  await cluster.until('a lease', () => cluster.status(leader).leaseHeld)
  return { cluster, leader }
}

const isOpen = ({ seen, error }: ReadAttempt): boolean => seen === undefined && error === undefined

test('without the option every read asks a quorum', async (t) => {
  const cluster = new SimulatedCluster(1)
  await cluster.elect(1)
  await cluster.steps(20)

  const read = readTexts(cluster, 1)
  await settle()

  t.false(cluster.status(1).leaseHeld)
  t.true(isOpen(read))
  await cluster.closeAll()
})

test('a leader with a lease answers a read in the turn in which it is asked', async (t) => {
  const { cluster, leader } = await leased(2)
  await answered(cluster, cluster.propose(leader, 'written'))

  const read = readTexts(cluster, leader)
  await settle()

  t.deepEqual(read.seen, ['written'])
  await cluster.closeAll()
})

test('L03: a leader that was paused never answers a read that a write of its successor contradicts', async (t) => {
  let servedByLease = 0
  for (let pauseSteps = 0; pauseSteps < 60; pauseSteps++) {
    const { cluster, leader } = await leased(100 + pauseSteps)
    cluster.pause(leader)
    await cluster.steps(pauseSteps)
    const successor = cluster.leader() === leader ? null : cluster.leader()
    if (successor !== null) await answered(cluster, cluster.propose(successor, 'newer'))

    // The read is the very first thing that happens after the pause; then come the messages, and a tick.
    const read = readTexts(cluster, leader)
    await settle()
    if (!isOpen(read)) servedByLease += 1
    cluster.resume(leader)
    const second = readTexts(cluster, leader)
    await cluster.until('answers', () => !isOpen(read) && !isOpen(second))

    const written = successor === null ? [] : ['newer']
    for (const { seen } of [read, second]) t.deepEqual(seen ?? written, written, `${pauseSteps}`)
    await cluster.closeAll()
  }
  t.true(servedByLease > 0 && servedByLease <= 8, `${servedByLease}`)
})

test('L03: a loop that is slow, but never for so long that it counts as a stall, still sees its lease end', async (t) => {
  const { cluster, leader } = await leased(3)
  cluster.isolate(leader)
  cluster.pause(leader)
  // Five turns of 70 ms: five ticks, of the seven of a lease, in 350 ms.
  for (let turn = 0; turn < 5; turn++) {
    await cluster.steps(7)
    cluster.node(leader).tick()
    await settle()
  }
  await cluster.until('a successor', () => cluster.leader() !== leader)
  await answered(cluster, cluster.propose(cluster.leader() ?? 0, 'newer'))

  const read = readTexts(cluster, leader)
  await settle()

  t.like(cluster.status(leader), { role: 'leader', stalls: 0, leaseHeld: false })
  t.is(read.seen, undefined)
  await cluster.closeAll()
})

test('L03: answers to heartbeats from before a pause give no lease after it', async (t) => {
  const { cluster, leader } = await leased(4)
  // A heartbeat is sent, answered, and the answer waits while the process stands still.
  await cluster.steps(4)
  cluster.pause(leader)
  await cluster.steps(20)

  cluster.resume(leader)
  const read = readTexts(cluster, leader)
  await settle()

  t.true(isOpen(read))
  t.false(cluster.status(leader).leaseHeld)
  await cluster.closeAll()
})

/** Pauses, cuts and writes at random; every read must show each write that was answered before it was asked.
 *  @returns how many reads were answered at once. */
async function runReads(seed: number): Promise<number> {
  const random = new SeededRandom(seed)
  const { cluster } = await leased(seed, { delayStepsMax: 2, lossPercent: 2 })
  const acknowledged: string[] = []
  let served = 0
  for (let step = 0; step < 400; step++) {
    const dice = integerBetween(random, 0, 99)
    const id = integerBetween(random, 1, 3)
    if (dice < 3) cluster.pause(id)
    else if (dice < 8) cluster.nodes.forEach((node) => cluster.resume(node.id))
    else if (dice < 10) cluster.isolate(id)
    else if (dice < 13) cluster.heal()
    const leader = cluster.leader()
    if (leader !== null && cluster.node(leader).held === null) {
      const text = `${step}`
      cluster.replica(leader).propose(
        Buffer.from(text),
        {},
        {
          resolve: () => acknowledged.push(text),
          reject: () => undefined,
        },
      )
    }
    const before = [...acknowledged]
    const reads = cluster.nodes.map((node) => readTexts(cluster, node.id))
    await settle()
    for (const { seen } of reads) {
      if (seen === undefined) continue
      served += 1
      const missing = before.filter((text) => !seen.includes(text))
      if (missing.length > 0) throw new Error(`seed ${seed}, step ${step}: lost ${missing.join()}`)
    }
    await cluster.step()
  }
  await cluster.closeAll()
  return served
}

test('L03: under pauses, cuts and delays every read by a lease shows what was answered before it', async (t) => {
  let served = 0
  for (let seed = 500; seed < 512; seed++) served += await runReads(seed)

  t.log({ served })
  t.true(served > 500)
})
