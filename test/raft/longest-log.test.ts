import test from 'ava'
import { asIndex } from '../../src/base/ids.js'
import { clusterOf, type Cluster } from './support/cluster.js'

const short = { terms: [1, 1] }
const long = { terms: [1, 1, 1, 1] }

/** Five voters; the logs of 1 to 4 are equal, that of 5 goes on without them. */
const five = (settings: object = { longestLogWaitTicks: 10 }): Cluster =>
  clusterOf([short, short, short, short, long], { ...settings })

/** Answers of replica 5 come later than those of the others. */
const slowFifth = (group: Cluster): Cluster => group.block(({ from }) => from === 5)

for (const preVote of [true, false]) {
  const settings = { longestLogWaitTicks: 10, preVote }

  test(`E13: a candidate steps back for a longer log, which leads then (pre-vote ${preVote})`, (t) => {
    const group = five(settings)
    group.replica(1).core.campaign()
    group.settle()
    t.is(group.leaders.length, 0)
    t.is(group.replica(1).role, 'follower')

    group.elect(5)

    t.is(group.replica(1).core.status().commitIndex, asIndex(5))
  })

  test(`E13: it waits for the longer log no longer than it was told (pre-vote ${preVote})`, (t) => {
    const group = slowFifth(five(settings))
    group.replica(1).core.campaign()
    group.settle().tick(9, 1)
    t.is(group.leaders.length, 0)

    group.tick(1, 1)

    t.is(group.leaders.at(0)?.id as number, 1)
  })

  test(`E13: when all voters have answered it waits for nobody (pre-vote ${preVote})`, (t) => {
    const group = clusterOf([short, short, short], settings)

    group.elect(1)

    t.is(group.leaders.length, 1)
  })

  test(`E13: it steps back once, so one that never leads does not keep the others from it (pre-vote ${preVote})`, (t) => {
    const group = five(settings)
    group.replica(1).core.campaign()
    group.settle()
    t.is(group.leaders.length, 0)

    group.replica(1).core.campaign()
    group.settle()

    t.is(group.leaders.at(0)?.id as number, 1)
  })
}

test('E13: without the option a majority is enough, and the longer tail is lost', (t) => {
  const group = five({})

  group.elect(1)

  t.is(group.replica(5).core.status().lastIndex, asIndex(3))
})

test('E13: who was told to take over waits for nobody', (t) => {
  const group = clusterOf([short, short, short], { longestLogWaitTicks: 10, preVote: false })
  group.elect(1).block(({ from, kind }) => from === 3 && kind === 'request-vote-response')

  group.replica(1).core.transferLeadership(group.replica(2).id)
  group.settle()

  t.is(group.leaders.at(-1)?.id as number, 2)
})
