import type { LogIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Progress } from './progress.js'
import { sendSnapshot } from './send-snapshot.js'
import { commitTo, type CoreState } from './state.js'

/** Sends every follower what it lacks, or at least the commit index. */
export function broadcastAppend(state: CoreState): void {
  for (const id of state.tracker.ids) {
    const progress = state.tracker.progressOf(id)
    if (id === state.id || progress === undefined) continue
    sendAppend(state, progress)
    sendPending(state, progress)
  }
}

/** Sends one append, without entries if there are none to send or the window is full. */
export function sendAppend(state: CoreState, progress: Progress): void {
  if (progress.paused || progress.id === state.id || !bridgesGap(state, progress)) return
  sendFrom(state, progress, pageEnd(state, progress))
}

/** Sends appends for as long as there are entries to send and the window has room. */
export function sendPending(state: CoreState, progress: Progress): void {
  if (progress.id === state.id) return
  while (!progress.paused && bridgesGap(state, progress)) {
    const lastIndex = pageEnd(state, progress)
    if (lastIndex < progress.nextIndex) return
    sendFrom(state, progress, lastIndex)
  }
}

/** Commits what a quorum holds, if the last of it is of this term (Raft §5.4.2: older entries are never
 *  committed by counting replicas, only by an entry of the leader's own term after them).
 *  @returns whether the commit index moved. */
export function maybeCommit(state: CoreState): boolean {
  const index = state.tracker.quorumMatchIndex()
  if (index <= state.commitIndex || !state.log.holds(index, state.term)) return false
  return commitTo(state, index)
}

/** Whether the log still has what the follower needs; if not, only a snapshot can bring it up (Raft §7). */
function bridgesGap(state: CoreState, progress: Progress): boolean {
  if (progress.nextIndex >= state.log.firstIndex) return true
  sendSnapshot(state, progress)
  return false
}

/** Where the next append to this follower ends; nextIndex - 1 when it carries no entries. */
function pageEnd(state: CoreState, { nextIndex, admitsEntries }: Progress): LogIndex {
  const { log, limits } = state
  if (!admitsEntries || nextIndex > log.lastIndex) return (nextIndex - 1) as LogIndex
  const countEnd = Math.min(log.lastIndex, nextIndex + limits.appendEntriesMax - 1)
  return log.endWithin(nextIndex, countEnd, limits.appendBytesMax)
}

function sendFrom(state: CoreState, progress: Progress, lastIndex: LogIndex): void {
  const { log, commitIndex, id: from, term } = state
  const { nextIndex, id: to } = progress
  const prevIndex = (nextIndex - 1) as LogIndex
  const prevTerm = log.termAt(prevIndex)
  invariant(prevTerm !== undefined, 'R10', { prevIndex, firstIndex: log.firstIndex })
  const count = lastIndex - prevIndex
  const entries = count > 0 ? log.slice(nextIndex, lastIndex) : null
  const kind = 'append-entries'
  state.messages.push({ kind, from, to, term, prevIndex, prevTerm, commitIndex, entries })
  progress.sentAppend(count, log.bytesBetween(nextIndex, lastIndex), commitIndex)
}
