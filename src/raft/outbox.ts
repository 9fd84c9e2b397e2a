import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import type { AppendEntriesResponse, PreVoteResponse, RequestVoteResponse } from './messages.js'
import type { CoreState } from './state.js'

/** Answers an append, once all that was handed out to be persisted so far is durable. */
export function respondToAppend(
  state: CoreState,
  to: ReplicaId,
  answer: Pick<AppendEntriesResponse, 'index' | 'rejected' | 'rejectHintIndex' | 'rejectHintTerm'>,
): void {
  const { id: from, term } = state
  state.messagesAfterPersist.push({ kind: 'append-entries-response', from, to, term, ...answer })
}

/** Takes back the acknowledgements of entries from `index` on that were not handed out yet: the same write replaces those entries.
 *  Their leader, of an older term, would count entries as durable that may never have been. */
export function withdrawAcknowledgements(state: CoreState, index: number): void {
  state.messagesAfterPersist = state.messagesAfterPersist.filter(
    (message) =>
      message.kind !== 'append-entries-response' || message.rejected || message.index < index,
  )
}

/** Answers a candidate. A vote is told only when it is durable (Raft §5.2: at most one vote per term, also across a crash). */
export function respondToCandidate(
  state: CoreState,
  answer: Answer<PreVoteResponse> | Answer<RequestVoteResponse>,
): void {
  const { commitIndex, log, id: from } = state
  const known = answer.rejected
    ? { commitIndex, commitTerm: log.termAt(commitIndex) ?? nothing.commitTerm }
    : nothing
  const hint = state.highRoundTrip && answer.kind === 'pre-vote-response' ? highRoundTrip : {}
  state.messagesAfterPersist.push({ ...answer, from, ...known, ...hint })
}

const highRoundTrip = { highRoundTrip: true } as const

type Answer<Response> = Omit<Response, 'from' | 'commitIndex' | 'commitTerm'>

const nothing = { commitIndex: 0 as LogIndex, commitTerm: 0 as Term }
