import { noReplica } from '../base/ids.js'
import { countVote } from './election.js'
import { takeRoundTripHint } from './high-round-trip.js'
import { hasUnappliedChange } from './membership-proposal.js'
import type { PreVoteResponse, RequestVoteResponse } from './messages.js'
import { becomeFollower } from './roles.js'
import { commitTo, type CoreState } from './state.js'

/** Counts a vote of the current term; the term gate let no other pass. */
export function handleRequestVoteResponse(state: CoreState, response: RequestVoteResponse): void {
  if (giveUpForCommit(state, response)) return
  countVote(state, response.from, !response.rejected)
}

/** Counts a pre-vote. A grant for another term than the next belongs to an earlier attempt. */
export function handlePreVoteResponse(state: CoreState, response: PreVoteResponse): void {
  if (!response.rejected && response.term !== state.term + 1) return
  takeRoundTripHint(state, response)
  if (giveUpForCommit(state, response)) return
  countVote(state, response.from, !response.rejected)
}

/** Learns from a refusal what is committed. An entry of the same index and term is the same entry, with the same ones
 *  before it (Raft §5.3), so this needs no leader, and no check of who says it in which term. */
export function learnCommit(
  state: CoreState,
  { rejected, commitIndex, commitTerm }: PreVoteResponse | RequestVoteResponse,
): void {
  if (rejected && state.log.holds(commitIndex, commitTerm)) commitTo(state, commitIndex)
}

/** A candidate that learns of a committed change asked the wrong voters: it applies the change first.
 *  @returns whether it gave up. */
function giveUpForCommit(
  state: CoreState,
  response: PreVoteResponse | RequestVoteResponse,
): boolean {
  learnCommit(state, response)
  if (!hasUnappliedChange(state)) return false
  becomeFollower(state, state.term, noReplica)
  return true
}
