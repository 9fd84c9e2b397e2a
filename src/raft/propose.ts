import type { EntryKind } from './entry-range.js'
import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import type { ProposeResult } from './ready.js'
import { broadcastAppend } from './replication.js'
import type { CoreState } from './state.js'

/** Appends entries to the leader's log and sends them on: all of them, or none. */
export function propose(
  state: CoreState,
  kind: EntryKind,
  byteLengths: Uint32Array,
): ProposeResult {
  invariant(byteLengths.length > 0, 'R8', { count: 0 })
  const { leader, term, log } = state
  if (state.role !== 'leader') return { kind: 'dropped', reason: 'not-leader', leader }
  if (!admitUncommitted(state, byteLengths)) {
    return { kind: 'dropped', reason: 'uncommitted-limit', leader }
  }
  const firstIndex = (log.lastIndex + 1) as LogIndex
  log.appendRuns([{ term, kind, count: byteLengths.length }], byteLengths)
  broadcastAppend(state)
  return { kind: 'accepted', term, firstIndex, lastIndex: log.lastIndex }
}

/** Bounds what a leader without a quorum piles up. A proposal that finds nothing waiting always enters. */
function admitUncommitted(state: CoreState, byteLengths: Uint32Array): boolean {
  let bytes = 0
  for (const length of byteLengths) bytes += length
  const { uncommittedBytesMax } = state.limits
  const exceeds = uncommittedBytesMax > 0 && state.uncommittedBytes + bytes > uncommittedBytesMax
  if (exceeds && state.uncommittedBytes > 0) return false
  state.uncommittedBytes += bytes
  return true
}
