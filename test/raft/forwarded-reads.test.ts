import test from 'ava'
import { asIndex } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { cluster, type Cluster } from './support/cluster.js'
import { readIndexResponse } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

/** The indexes at which a replica was told that its reads may be served, by context. */
const served = ({ readStates }: TestReplica): object =>
  Object.fromEntries(readStates.map(({ context, index }) => [context, index]))

test('a follower asks its leader, and reads at the commit index of the moment at which the leader took it', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ to, kind }) => to === 2 && kind === 'append-entries')
  three.replica(1).propose(40)
  three.settle()

  three.replica(2).core.readIndex(7)
  three.settle()

  t.deepEqual(served(three.replica(2)), { 7: 2 })
  t.is(three.replica(2).core.status().commitIndex, asIndex(1))
})

test('reads of one turn share one request, and requests of one turn share one round', (t) => {
  const three = cluster(3).elect(1)
  for (const id of [1, 2, 3])
    for (const at of [1, 2]) three.replica(id).core.readIndex(10 * id + at)

  three.settle()

  t.is(three.sentOf('read-index').length, 2)
  for (const id of [1, 2, 3]) t.is(three.replica(id).readStates.length, 2)
})

test('a learner may ask too', (t) => {
  const four = cluster(4, { voters: [1, 2, 3] }).elect(1)
  four.replica(1).proposeChange('l4')
  four.settle().tick(5)

  four.replica(4).core.readIndex(1)
  four.settle()

  t.deepEqual(served(four.replica(4)), { 1: 2 })
})

test('L05: a leader without its quorum answers no read of a follower', (t) => {
  const five = cluster(5).elect(1)
  five.block(({ from, to }) => [1, 2].includes(from) !== [1, 2].includes(to))

  five.replica(2).core.readIndex(1)
  five.tick(10)

  t.deepEqual(five.replica(2).readStates, [])
})

test('L01: a new leader answers no read of a follower before an entry of its term is committed', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ kind }) => kind === 'append-entries-response')
  three.replica(2).core.forgetLeader()
  three.replica(3).core.forgetLeader()
  three.elect(2)

  three.replica(3).core.readIndex(1)
  three.tick(6)
  t.deepEqual(three.replica(3).readStates, [])
  three.heal().tick(10)

  t.deepEqual(served(three.replica(3)), { 1: 2 })
})

test('a lost request, or a lost answer, is made up for within a heartbeat', (t) => {
  for (const lost of ['read-index', 'read-index-response']) {
    const three = cluster(3).elect(1)
    three.block(({ kind }) => kind === lost)
    three.replica(2).core.readIndex(1)
    three.settle().heal()

    three.tick(5)

    t.deepEqual(served(three.replica(2)), { 1: 1 }, lost)
  }
})

test('a follower asks the next leader, and serves itself when it is the next leader', (t) => {
  const three = cluster(3).elect(1)
  three.isolate(1)
  for (const id of [2, 3]) three.replica(id).core.readIndex(id)
  three.settle()
  for (const id of [2, 3]) three.replica(id).core.forgetLeader()

  three.elect(2).tick(6)

  t.deepEqual(served(three.replica(2)), { 2: 2 })
  t.deepEqual(served(three.replica(3)), { 3: 2 })
})

test('L02: an answer to a request of an earlier life confirms nothing', (t) => {
  const random = new SeededRandom(5)
  const three = cluster(3, { random }).elect(1)
  const follower = three.replica(2)
  follower.core.readIndex(1)
  three.settle()
  const [late] = three.sentOf('read-index-response')
  follower.crash()
  three.tick(5)
  three.replica(1).propose(40)
  three.block(({ kind }) => kind === 'read-index').settle()

  follower.core.readIndex(2)
  follower.settle()
  if (late !== undefined) follower.step(late)
  follower.settle()

  t.is(late?.index as number, 1)
  t.deepEqual(follower.readStates, [])
})

test('L02: an answer holds for the reads of its request and of earlier ones, and no others', (t) => {
  const three = cluster(3).elect(1)
  three.block(({ kind }) => kind === 'read-index')
  const follower = three.replica(2)
  for (const context of [1, 2, 3]) {
    follower.core.readIndex(context)
    three.settle()
  }
  const [, second] = three.sentOf('read-index')

  follower.step(
    readIndexResponse({ from: 1, to: 2, term: 1, context: second?.context ?? 0, index: 1 }),
  )
  follower.settle()

  t.deepEqual(served(follower), { 1: 1, 2: 1 })
})

/** Loses, cuts and deposes at random while everybody reads.
 *  @returns how many reads of followers were confirmed. */
function runReads(seed: number): number {
  const random = new SeededRandom(seed)
  const three = cluster(3, {
    random: new SeededRandom(seed + 1),
    leaseTicks: seed % 2 === 0 ? 7 : 0,
  })
  const floors: number[] = []
  let confirmed = 0
  for (let step = 0; step < 400; step++) {
    const dice = integerBetween(random, 0, 99)
    const replica = three.replica(integerBetween(random, 1, 3))
    if (dice < 5) three.isolate(replica.id)
    else if (dice < 10) three.block(() => integerBetween(random, 0, 2) === 0)
    else if (dice < 18) three.heal()
    else if (dice < 20) replica.core.campaign()
    else if (dice < 22) replica.crash()
    else if (dice < 60) replica.propose(40)
    else {
      floors.push(commitFloor(three))
      replica.core.readIndex(floors.length - 1)
    }
    three.tick(1)
    for (const { id, readStates, isLeader } of three.replicas) {
      for (const { context, index } of readStates.splice(0)) {
        if (index < (floors[context] ?? 0)) throw new Error(`seed ${seed}: ${id} reads at ${index}`)
        if (!isLeader) confirmed++
      }
    }
  }
  return confirmed
}

const commitFloor = ({ replicas }: Cluster): number =>
  Math.max(...replicas.map(({ core }) => core.status().commitIndex))

test('L05: no read of a follower ever misses what was committed when it was asked', (t) => {
  let confirmed = 0
  for (let seed = 1; seed <= 60; seed++) confirmed += runReads(seed)

  t.log({ confirmed })
  t.true(confirmed > 1000)
})
