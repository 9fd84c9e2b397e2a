import test from 'ava'
import { asTerm } from '../../src/base/ids.js'
import type { MessageKind } from '../../src/raft/messages.js'
import type { Role } from '../../src/raft/ready.js'
import { ignore, transitions } from '../../src/raft/transitions.js'
import { clusterOf } from './support/cluster.js'
import { anyMessage, heartbeatResponse, preVoteResponse, voteResponse } from './support/messages.js'
import type { TestReplica } from './support/replica.js'

/** Replica 1 of three, in term 5, in the given role. */
const inRole: { readonly [R in Role]: () => TestReplica } = {
  follower: () => start(4, () => undefined, { term: 5 }),
  'pre-candidate': () => start(5, (replica) => replica.core.campaign()),
  candidate: () =>
    start(4, (replica) => {
      replica.core.campaign()
      replica.settle()
      replica.step(preVoteResponse({ term: 5 }))
    }),
  leader: () =>
    start(4, (replica) => {
      replica.core.campaign()
      replica.settle()
      replica.step(preVoteResponse({ term: 5 }))
      replica.settle()
      replica.step(voteResponse({ term: 5 }))
    }),
}

function start(
  term: number,
  act: (replica: TestReplica) => void,
  given: { term: number } = { term },
): TestReplica {
  const log = { terms: [], ...given }
  const replica = clusterOf([log, log, log]).replica(1)
  act(replica)
  replica.settle()
  replica.takeOutgoing()
  return replica
}

interface Effect {
  /** The role after it; the same when absent. */
  readonly role?: Role
  readonly term?: number
  /** The kinds of the messages that answer it. */
  readonly answers?: readonly MessageKind[]
  readonly stops?: RegExp
}

const nothing: Effect = {}
const votes: Effect = { answers: ['request-vote-response'] }
const preVotes: Effect = { answers: ['pre-vote-response'] }
const follows: Effect = { role: 'follower', answers: ['append-entries-response'] }
const followsHeartbeat: Effect = { role: 'follower', answers: ['heartbeat-response'] }
const secondLeader: Effect = { stops: /R2/ }

/** What one plain message of the current term does to each role: the specification of the table, cell by cell. */
const currentTerm: Readonly<Record<Role, Readonly<Record<MessageKind, Effect>>>> = {
  follower: {
    'pre-vote': preVotes,
    'pre-vote-response': nothing,
    'request-vote': votes,
    'request-vote-response': nothing,
    'append-entries': follows,
    'append-entries-response': nothing,
    heartbeat: followsHeartbeat,
    'heartbeat-response': nothing,
    'install-snapshot': follows,
    'timeout-now': { role: 'candidate', answers: ['request-vote', 'request-vote'] },
    'read-index': nothing,
    'read-index-response': nothing,
  },
  'pre-candidate': {
    'pre-vote': preVotes,
    'pre-vote-response': nothing,
    'request-vote': votes,
    'request-vote-response': nothing,
    'append-entries': follows,
    'append-entries-response': nothing,
    heartbeat: followsHeartbeat,
    'heartbeat-response': nothing,
    'install-snapshot': follows,
    'timeout-now': nothing,
    'read-index': nothing,
    'read-index-response': nothing,
  },
  candidate: {
    'pre-vote': preVotes,
    'pre-vote-response': nothing,
    'request-vote': votes,
    'request-vote-response': { role: 'leader', answers: ['append-entries', 'append-entries'] },
    'append-entries': follows,
    'append-entries-response': nothing,
    heartbeat: followsHeartbeat,
    'heartbeat-response': nothing,
    'install-snapshot': follows,
    'timeout-now': nothing,
    'read-index': nothing,
    'read-index-response': nothing,
  },
  leader: {
    'pre-vote': preVotes,
    'pre-vote-response': nothing,
    'request-vote': votes,
    'request-vote-response': nothing,
    'append-entries': secondLeader,
    // It answers the first probe, so the flow begins.
    'append-entries-response': { answers: ['append-entries'] },
    heartbeat: secondLeader,
    'heartbeat-response': { answers: ['append-entries'] },
    'install-snapshot': secondLeader,
    'timeout-now': nothing,
    'read-index': nothing,
    'read-index-response': nothing,
  },
}

/** What a message of a newer term does to every role before it is handled. */
const newerTerm: Readonly<Record<MessageKind, number>> = {
  // Only asks: the term stays.
  'pre-vote': 5,
  'pre-vote-response': 9,
  'request-vote': 9,
  'request-vote-response': 9,
  'append-entries': 9,
  'append-entries-response': 9,
  heartbeat: 9,
  'heartbeat-response': 9,
  'install-snapshot': 9,
  // The follower campaigns at once, in the term after.
  'timeout-now': 10,
  'read-index': 9,
  'read-index-response': 9,
}

const roles = Object.keys(currentTerm) as Role[]
const kinds = Object.keys(newerTerm) as MessageKind[]

for (const role of roles) {
  for (const kind of kinds) {
    const effect = currentTerm[role][kind]
    test(`a ${kind} of the current term at a ${role}`, (t) => {
      const replica = inRole[role]()
      t.is(replica.role, role)
      const message = anyMessage[kind](5)

      if (effect.stops !== undefined) {
        t.throws(() => replica.step(message), { message: effect.stops })
        return
      }
      replica.step(message)
      replica.settle()

      t.is(replica.role, effect.role ?? role)
      const kindsSent = replica.takeOutgoing().map((m) => m.kind)
      t.deepEqual(kindsSent, [...(effect.answers ?? [])])
    })

    test(`a ${kind} of an older term at a ${role} changes nothing`, (t) => {
      const replica = inRole[role]()
      const before = replica.core.status()

      replica.step(anyMessage[kind](3))

      t.deepEqual(replica.core.status(), before)
    })

    test(`a ${kind} of a newer term at a ${role} leads to term ${newerTerm[kind]}`, (t) => {
      const replica = inRole[role]()
      // Silence long enough that no leader's lease makes it deaf to candidates.
      const deaf = role === 'leader' && kind === 'request-vote'

      replica.step(anyMessage[kind](9))

      t.is(replica.core.status().term, asTerm(deaf ? 5 : newerTerm[kind]))
      if (kind === 'timeout-now') t.is(replica.role, 'candidate')
      else if (kind !== 'pre-vote' && !deaf) t.is(replica.role, 'follower')
    })
  }
}

test('the table has a decision for every role and message', (t) => {
  for (const role of roles) {
    t.deepEqual(Object.keys(transitions[role]).sort(), [...kinds].sort())
    for (const kind of kinds) t.is(typeof transitions[role][kind], 'function')
  }
})

test('only leaders look at answers of followers', (t) => {
  for (const role of ['follower', 'pre-candidate', 'candidate'] as const) {
    t.is(transitions[role]['append-entries-response'], ignore)
    t.is(transitions[role]['heartbeat-response'], ignore)
  }
  const follower = inRole.follower()
  follower.step(heartbeatResponse({ term: 5, context: 1 }))
  t.deepEqual(follower.readStates, [])
})
