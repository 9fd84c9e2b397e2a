// One test per sentence of Ongaro's dissertation, "Consensus: Bridging Theory and Practice", §9.6, that states a behaviour, in our own
// words. The name of each test begins with the section.
import test from 'ava'
import { asTerm } from '../../../src/base/ids.js'
import { cluster } from '../support/cluster.js'
import { preVote, preVoteResponse } from '../support/messages.js'
import { lone, sentBy } from '../support/roles.js'

test('§9.6: a campaign raises its term only after a majority would vote for it', (t) => {
  const replica = lone([], 0, {})
  replica.core.campaign()
  replica.settle()
  t.like(replica.core.status(), { role: 'pre-candidate', term: 0 })

  replica.step(preVoteResponse({ term: 1 }))

  t.like(replica.core.status(), { role: 'candidate', term: 1 })
})

test('§9.6: a server that asks whether it could win changes nothing at those it asks', (t) => {
  const replica = lone([], 3, {})
  const before = replica.core.status()

  replica.step(preVote({ term: 9, lastIndex: 1, lastTerm: 3 }))

  t.like(sentBy(replica), [{ kind: 'pre-vote-response', rejected: false }])
  t.deepEqual(replica.core.status(), before)
})

test('§9.6: a server would vote only for a log that is at least as complete as its own', (t) => {
  const replica = lone([1, 2], 2, {})

  replica.step(preVote({ term: 3, lastIndex: 5, lastTerm: 1 }))

  t.like(sentBy(replica), [{ kind: 'pre-vote-response', rejected: true, term: 2 }])
})

test('§9.6: a server would vote only if it has not heard from a leader for the shortest election timeout', (t) => {
  const three = cluster(3).elect(1)
  const request = preVote({ from: 3, to: 2, term: 2, lastIndex: 9, lastTerm: 1 })
  three.replica(2).step(request)
  t.deepEqual(sentBy(three.replica(2)), [])

  three.replica(2).tick(15)
  sentBy(three.replica(2))
  three.replica(2).step(request)

  t.like(sentBy(three.replica(2)), [{ kind: 'pre-vote-response', rejected: false }])
})

test('§9.6: a server that was cut off returns in the old term and disturbs nobody', (t) => {
  const three = cluster(3).elect(1).isolate(3)
  three.tick(500)
  t.is(three.replica(3).core.status().term, asTerm(1))

  three.heal().tick(50)

  t.deepEqual(three.leaders, [three.replica(1)])
  t.is(three.replica(1).core.status().term, asTerm(1))
})
