import type { PreVote, RequestVote } from './messages.js'
import { respondToCandidate } from './outbox.js'
import { postponeElection, type CoreState } from './state.js'

/** Handles RequestVote: votes for the first candidate of the term whose log is at least as complete (Raft §5.2, §5.4.1). */
export function handleRequestVote(state: CoreState, request: RequestVote): void {
  const kind = 'request-vote-response'
  if (!mayVoteFor(state, request) || !isUpToDate(state, request)) {
    respondToCandidate(state, { kind, to: request.from, term: state.term, rejected: true })
    return
  }
  // Only a vote that is given puts off this replica's own campaign (dissertation §3.4).
  postponeElection(state)
  state.vote = request.from
  respondToCandidate(state, { kind, to: request.from, term: state.term, rejected: false })
}

/** Handles a pre-vote: says how it would vote, and changes nothing (dissertation §9.6). */
export function handlePreVote(state: CoreState, request: PreVote): void {
  const kind = 'pre-vote-response'
  const ahead = request.term > state.term
  const granted = (ahead || mayVoteFor(state, request)) && isUpToDate(state, request)
  // A grant carries the term that it is for; a rejection tells the candidate which term it missed.
  const term = granted ? request.term : state.term
  respondToCandidate(state, { kind, to: request.from, term, rejected: !granted })
}

/** In a term with a known leader there is nobody else to vote for, except again for the same. */
function mayVoteFor(state: CoreState, { from }: PreVote | RequestVote): boolean {
  return state.vote === from || (state.vote === 0 && state.leader === 0)
}

/** Raft §5.4.1: the later last term wins, then the longer log. */
function isUpToDate(state: CoreState, { lastIndex, lastTerm }: PreVote | RequestVote): boolean {
  const last = state.log.last
  return lastTerm > last.term || (lastTerm === last.term && lastIndex >= last.index)
}
