import test from 'ava'
import { asIndex, asReplica, asTerm, noReplica } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import { Persistence } from '../../src/raft/persistence.js'
import { Progress } from '../../src/raft/progress.js'
import { becomeFollower, becomeLeader } from '../../src/raft/roles.js'
import { createState, type CoreState } from '../../src/raft/state.js'
import { cluster } from './support/cluster.js'
import { requestVote } from './support/messages.js'

const freshState = (): CoreState =>
  createState({
    id: asReplica(1),
    voters: [1, 2, 3].map(asReplica),
    random: new SeededRandom(1),
  })

test('a term never falls (R1)', (t) => {
  const state = freshState()
  becomeFollower(state, asTerm(4), noReplica)

  t.throws(() => becomeFollower(state, asTerm(3), noReplica), { message: /R1 / })
})

test('only a candidate becomes leader (R7)', (t) => {
  t.throws(() => becomeLeader(freshState()), { message: /R7 / })
})

test('what is durable was handed out, and what was handed out is in the log (R4)', (t) => {
  const single = cluster(1).elect(1).replica(1)
  single.propose(40, 40)
  const { durableIndex, lastIndex } = single.core.status()
  single.takeReadies()

  t.true(durableIndex < lastIndex)
  single.settle()
  t.is(single.core.status().durableIndex, lastIndex)
})

test('a match index stays below the next index through every answer (R11)', (t) => {
  const limits = { inflightMessagesMax: 4, inflightBytesMax: 0, highRoundTripTicks: 0 }
  const progress = new Progress(asReplica(2), 9, limits)
  progress.reject(8, 0)
  progress.assertValid()
  progress.acknowledgeMatch(12)
  progress.assertValid()
  progress.becomeProbe()
  progress.probeFrom(3)

  progress.assertValid()

  t.true(progress.matchIndex < progress.nextIndex)
})

test('a write of which nothing was handed out proves nothing (R13)', (t) => {
  const persistence = new Persistence(0)

  t.throws(
    () => {
      persistence.acknowledge({ writeNumber: 1, durableIndex: 0 as never, term: asTerm(0) })
    },
    { message: /R13 / },
  )
})

test('time that runs backwards is refused (R17)', (t) => {
  const { core } = cluster(1).elect(1).replica(1)

  for (const count of [-1, 0.5]) t.throws(() => core.skipTicks(count), { message: /R17 / })
})

test('a snapshot that is not applied, or not of this log, cannot be sent (R16)', (t) => {
  const { core } = cluster(1).elect(1).replica(1)
  const { configuration } = core.status()

  for (const [index, term] of [
    [2, 1],
    [1, 2],
  ] as const) {
    const snapshot = { index: asIndex(index), term: asTerm(term), configuration }
    t.throws(() => core.noteSnapshot(snapshot), { message: /R16 / })
  }
})

for (const settings of [{}, { preVote: false, checkQuorum: false }]) {
  test(`a leader of an older term is told the newer one, and leads again (${JSON.stringify(settings)})`, (t) => {
    const four = cluster(4, { ...settings, voters: [1, 2, 3] }).elect(1)
    four.replica(1).proposeChange('l4')
    four.settle()
    // Somebody who hears nothing of it has raised the term of the learner.
    four.block(({ from, to }) => from === 4 && to === 3)
    four.replica(4).core.forgetLeader()
    four.replica(4).step(requestVote({ from: 3, to: 4, term: 9, lastIndex: 0, lastTerm: 0 }))
    t.is(four.replica(4).core.status().term, asTerm(9))

    four.settle().heal().tick(60)

    t.true(four.leaders.some(({ core }) => core.status().term > 9))
    t.is(
      four.replica(4).core.status().lastIndex,
      four.leaders[0]?.core.status().lastIndex ?? asIndex(0),
    )
  })
}
