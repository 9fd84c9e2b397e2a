import test from 'ava'
import { asReplica, type ReplicaId } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import {
  jointPosition,
  jointVoteResult,
  majorityOf,
  majorityPosition,
  majorityVoteResult,
} from '../../src/raft/quorum.js'

const seed = 20261121
const idsUpTo = (count: number): ReplicaId[] =>
  Array.from({ length: count }, (_, position) => asReplica(position + 1))

/** The definition itself: the largest position that enough replicas have reached. */
function bruteForcePosition(voters: readonly ReplicaId[], positions: Map<ReplicaId, number>) {
  if (voters.length === 0) return Infinity
  const reached = (position: number): number =>
    voters.filter((id) => (positions.get(id) ?? 0) >= position).length
  const candidates = [0, ...voters.map((id) => positions.get(id) ?? 0)]
  return Math.max(...candidates.filter((value) => reached(value) >= majorityOf(voters.length)))
}

function randomSubset(random: SeededRandom, ids: readonly ReplicaId[]): ReplicaId[] {
  return ids.filter(() => random.nextUint32() % 2 === 0)
}

test('any two majorities share a replica', (t) => {
  for (let count = 1; count <= 9; count++) t.true(2 * majorityOf(count) > count)
})

test(`R13: the quorum index equals brute force on random vectors (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed)
  for (let round = 0; round < 200_000; round++) {
    const ids = idsUpTo(integerBetween(random, 1, 9))
    const positions = new Map(ids.map((id) => [id, integerBetween(random, 0, 12)]))
    const positionOf = (id: ReplicaId): number => positions.get(id) ?? 0
    const actual = majorityPosition(ids, positionOf)
    if (actual !== bruteForcePosition(ids, positions)) t.fail(JSON.stringify([...positions]))
  }
  t.pass()
})

test(`R13: the joint quorum index is the lower one of both halves (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed)
  for (let round = 0; round < 100_000; round++) {
    const ids = idsUpTo(7)
    const voters = { incoming: randomSubset(random, ids), outgoing: randomSubset(random, ids) }
    const positions = new Map(ids.map((id) => [id, integerBetween(random, 0, 12)]))
    const expected = Math.min(
      bruteForcePosition(voters.incoming, positions),
      bruteForcePosition(voters.outgoing, positions),
    )
    const actual = jointPosition(voters, (id) => positions.get(id) ?? 0)
    if (actual !== expected) t.fail(JSON.stringify({ voters, positions: [...positions] }))
  }
  t.pass()
})

test(`a joint vote is won when both halves are, and lost when one is (seed ${seed})`, (t) => {
  const random = new SeededRandom(seed)
  const choices = [true, false, undefined]
  for (let round = 0; round < 50_000; round++) {
    const ids = idsUpTo(6)
    const voters = { incoming: randomSubset(random, ids), outgoing: randomSubset(random, ids) }
    const votes = new Map(ids.map((id) => [id, choices[random.nextUint32() % 3]]))
    const voteOf = (id: ReplicaId) => votes.get(id)
    const halves = [voters.incoming, voters.outgoing].map((v) => majorityVoteResult(v, voteOf))
    const actual = jointVoteResult(voters, voteOf)
    if (actual === 'vote-won') t.true(halves.every((half) => half === 'vote-won'))
    if (actual === 'vote-lost') t.true(halves.includes('vote-lost'))
    if (actual === 'vote-pending') t.false(halves.includes('vote-lost'))
  }
})

const table = [
  { name: 'nobody has voted', votes: [undefined, undefined, undefined], expected: 'vote-pending' },
  { name: 'one grant of three', votes: [true, undefined, undefined], expected: 'vote-pending' },
  { name: 'two grants of three', votes: [true, true, undefined], expected: 'vote-won' },
  { name: 'two rejections of three', votes: [false, undefined, false], expected: 'vote-lost' },
  { name: 'one of each', votes: [true, false, undefined], expected: 'vote-pending' },
  { name: 'a single rejection of two', votes: [true, false], expected: 'vote-lost' },
  { name: 'an empty set', votes: [], expected: 'vote-won' },
] as const

for (const { name, votes, expected } of table) {
  test(`a majority vote with ${name} is ${expected}`, (t) => {
    const result = majorityVoteResult(idsUpTo(votes.length), (id) => votes[id - 1])

    t.is(result, expected)
  })
}
