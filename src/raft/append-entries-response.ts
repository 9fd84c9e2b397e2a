import type { AppendEntriesResponse } from './messages.js'
import type { Progress } from './progress.js'
import { broadcastAppend, maybeCommit, sendAppend, sendPending } from './replication.js'
import type { CoreState } from './state.js'
import { finishTransfer } from './transfer.js'

/** Handles the answer of a follower to an append. */
export function handleAppendEntriesResponse(
  state: CoreState,
  response: AppendEntriesResponse,
): void {
  const progress = state.tracker.progressOf(response.from)
  if (progress === undefined) return
  progress.recentActive = true
  if (response.rejected) retreat(state, progress, response)
  else advance(state, progress, response.index)
}

/** The logs part before the refused position: tries the latest one at which they may still meet. */
function retreat(state: CoreState, progress: Progress, response: AppendEntriesResponse): void {
  const { index, rejectHintIndex, rejectHintTerm } = response
  // The follower said which term it has there; this leader's own log says where that term can end.
  const meeting =
    rejectHintTerm > 0
      ? state.log.lastWithTermAtMost(rejectHintIndex, rejectHintTerm).index
      : rejectHintIndex
  if (!progress.reject(index, meeting)) return
  if (progress.state === 'replicate') progress.becomeProbe()
  // An entry that is compacted away cannot be sent: sendAppend sends nothing then.
  sendAppend(state, progress)
}

function advance(state: CoreState, progress: Progress, index: number): void {
  const moved = progress.acknowledgeMatch(index)
  // A probe that is answered ends the probing, even if it told nothing that was not known.
  const answersProbe = progress.state === 'probe' && progress.matchIndex === index
  if (!moved && !answersProbe) return
  flowOn(state, progress, index)
  if (maybeCommit(state)) broadcastAppend(state)
  else if (progress.canAdvanceCommit(state.commitIndex)) sendAppend(state, progress)
  sendPending(state, progress)
  finishTransfer(state, progress)
}

/** Pipelines from here on, unless the follower still lacks what a snapshot is to bring. Which snapshot it took does not
 *  matter, as long as the log goes on where it is now. */
function flowOn({ log }: CoreState, progress: Progress, index: number): void {
  if (progress.state === 'replicate') progress.freeInflights(index)
  else if (progress.state === 'probe') progress.becomeReplicate()
  else if (progress.matchIndex + 1 >= log.firstIndex) progress.becomeReplicate()
}
