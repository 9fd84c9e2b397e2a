import test from 'ava'
import { SeededRandom } from '../../src/base/random.js'
import { Cluster, cluster, clusterOf } from './support/cluster.js'
import { TestReplica } from './support/replica.js'

const leaderIds = (group: Cluster): number[] => group.leaders.map(({ id }) => id)

/** Proposes through the newest leader. @returns whether everybody in `ids` has applied it within `ticks`. */
function commits(group: Cluster, ticks: number, ...ids: number[]): boolean {
  const newest = group.leaders.sort((a, b) => b.core.status().term - a.core.status().term)[0]
  const result = newest?.propose(50)
  if (result?.kind !== 'accepted') return false
  group.tick(ticks)
  return ids.every((id) => group.replica(id).core.status().appliedIndex >= result.lastIndex)
}

test('E05: a cluster in which only half the replicas pre-vote elects a leader', (t) => {
  const ids = [1, 2, 3, 4]
  const replicas = ids.map((id) => {
    return new TestReplica(id, ids, { preVote: id <= 2, random: new SeededRandom(id) })
  })
  const group = new Cluster(replicas)

  group.tick(200)

  t.is(group.leaders.length, 1)
  t.true(commits(group, 10, ...ids))
})

test('E05: each kind of replica can take over from the other', (t) => {
  const ids = [1, 2, 3]
  const replicas = ids.map((id) => {
    return new TestReplica(id, ids, { preVote: id === 1, random: new SeededRandom(id) })
  })
  const group = new Cluster(replicas)
  for (const cutOff of [1, 2, 3, 1]) {
    group.isolate(cutOff).tick(150)
    const rest = ids.filter((id) => id !== cutOff)
    t.true(group.leaders.some(({ id }) => id !== cutOff))
    t.true(commits(group, 10, ...rest))
    group.heal().tick(60)
  }
})

test('E07: a candidate with a higher term and a shorter log only delays the election', (t) => {
  const group = clusterOf([{ terms: [1, 1, 1] }, { terms: [1, 1, 1] }, { terms: [1], term: 9 }])

  group.tick(200)

  t.is(group.leaders.length, 1)
  t.true(commits(group, 10, 1, 2, 3))
  t.deepEqual(
    group
      .replica(3)
      .disk.entries.slice(0, 3)
      .map(({ term }) => term),
    [1, 1, 1],
  )
})

test('E07: a cluster split into two even halves makes progress once a link is back', (t) => {
  const group = cluster(4).isolate(1, 2)
  group.tick(200)
  t.deepEqual(leaderIds(group), [])

  group.heal().tick(150)

  t.is(group.leaders.length, 1)
  t.true(commits(group, 10, 1, 2, 3, 4))
})

test('E07: two replicas that reach only a third one do not take the lead from each other for ever', (t) => {
  const group = cluster(3).block(({ from, to }) => from !== 3 && to !== 3)
  group.tick(100)
  const termsBefore = Math.max(...group.replicas.map(({ core }) => core.status().term))

  group.tick(1000)

  const terms = group.replicas.map(({ core }) => core.status().term as number)
  t.true(Math.max(...terms) - termsBefore <= 2, `terms ${terms.join(' ')}`)
  t.true(commits(group, 20, 3))
})

test('E08: a leader that can send but not hear is replaced within two timeouts and serves no read', (t) => {
  const group = cluster(3)
    .elect(1)
    .block(({ to }) => to === 1)
  group.replica(1).core.readIndex(1)

  group.tick(60)

  t.deepEqual(group.replica(1).readStates, [])
  t.deepEqual(group.replica(1).droppedReads, [1])
  t.false(group.replica(1).isLeader)
  t.is(group.leaders.length, 1)
})

test('E08: a leader that can hear but not send is replaced within two timeouts and serves no read', (t) => {
  const group = cluster(3)
    .elect(1)
    .block(({ from }) => from === 1)
  group.replica(1).core.readIndex(1)

  group.tick(60)

  t.deepEqual(group.replica(1).readStates, [])
  t.false(group.replica(1).isLeader)
  t.is(group.leaders.length, 1)
})
