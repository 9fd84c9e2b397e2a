import type { ReplicaId, Term } from '../base/ids.js'
import { promisesLease } from './lease.js'
import { heldBackForLongestLog } from './longest-log.js'
import { hasUnappliedChange } from './membership-proposal.js'
import type { Message, RequestVote } from './messages.js'
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.js'
import { respondToCandidate } from './outbox.js'
import { broadcastAppend } from './replication.js'
import { isPromotable, type CoreState } from './state.js'

/** Starts an election, unless this replica leads already or may not lead. */
export function campaign(state: CoreState): void {
  // A replica's own vote keeps its promise too.
  if (!mayCampaign(state) || promisesLease(state)) return
  if (state.limits.preVote) startPreVote(state)
  else startElection(state)
}

/** Starts an election in the name of the leader, which hands its leadership over (dissertation §3.10). */
export function campaignAtOnce(state: CoreState): void {
  if (!mayCampaign(state)) return
  // It holds the leader's whole log.
  state.steppedBack = true
  startElection(state, { leadershipTransfer: true })
}

/** Counts an answer of a voter, and acts on the result. */
export function countVote(state: CoreState, voter: ReplicaId, granted: boolean): void {
  state.tracker.recordVote(voter, granted)
  concludeElection(state)
}

/** Acts on the votes so far. */
export function concludeElection(state: CoreState): void {
  const result = state.tracker.voteResult()
  if (result === 'vote-pending') return
  if (result === 'vote-lost') loseElection(state)
  else if (!heldBackForLongestLog(state)) winElection(state)
}

function startPreVote(state: CoreState): void {
  becomePreCandidate(state)
  const term = (state.term + 1) as Term
  askVoters(state, { kind: 'pre-vote', responseKind: 'pre-vote-response', term })
}

function startElection(state: CoreState, mark: Mark = {}): void {
  becomeCandidate(state)
  const { term } = state
  askVoters(state, { kind: 'request-vote', responseKind: 'request-vote-response', term, mark })
}

/** Who has not applied a committed change of membership would ask the wrong voters. */
const mayCampaign = (state: CoreState): boolean =>
  state.role !== 'leader' && isPromotable(state) && !hasUnappliedChange(state)

function winElection(state: CoreState): void {
  if (state.role === 'pre-candidate') {
    startElection(state)
    return
  }
  becomeLeader(state)
  broadcastAppend(state)
}

function loseElection(state: CoreState): void {
  becomeFollower(state, state.term, 0 as ReplicaId)
}

interface Ballot {
  readonly kind: 'pre-vote' | 'request-vote'
  readonly responseKind: 'pre-vote-response' | 'request-vote-response'
  readonly term: Term
  readonly mark?: Mark
}

type Mark = Pick<RequestVote, 'leadershipTransfer'>

/** Sends the request to every other voter. This replica's own vote takes the same road as the others':
 *  it is a message that leaves once it is durable, and counts when it arrives. */
function askVoters(state: CoreState, { kind, responseKind, term, mark }: Ballot): void {
  const { index: lastIndex, term: lastTerm } = state.log.last
  for (const to of state.tracker.ids.filter((id) => state.tracker.isVoter(id))) {
    if (to === state.id) {
      respondToCandidate(state, { kind: responseKind, to, term, rejected: false })
    } else {
      const request: Message = { kind, from: state.id, to, term, lastIndex, lastTerm }
      state.messages.push({ ...request, ...mark })
    }
  }
}
