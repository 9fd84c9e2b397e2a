import { countVote } from './election.js'
import type { PreVoteResponse, RequestVoteResponse } from './messages.js'
import type { CoreState } from './state.js'

/** Counts a vote of the current term; the term gate let no other pass. */
export function handleRequestVoteResponse(state: CoreState, response: RequestVoteResponse): void {
  countVote(state, response.from, !response.rejected)
}

/** Counts a pre-vote. A grant for another term than the next belongs to an earlier attempt. */
export function handlePreVoteResponse(state: CoreState, response: PreVoteResponse): void {
  if (!response.rejected && response.term !== state.term + 1) return
  countVote(state, response.from, !response.rejected)
}
