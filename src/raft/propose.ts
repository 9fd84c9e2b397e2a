import type { EntryKind } from './entry-range.js'
import { invariant } from '../base/invariant.js'
import { noReplica, type LogIndex } from '../base/ids.js'
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
  return whyNotProposed(state, byteLengths) ?? appendProposal(state, kind, byteLengths)
}

type Accepted = Extract<ProposeResult, { kind: 'accepted' }>
type Dropped = Extract<ProposeResult, { kind: 'dropped' }>

/** Why nothing can be proposed here and now; undefined when it can. */
export function whyNotProposed(state: CoreState, byteLengths: Uint32Array): Dropped | undefined {
  const { leader, transferee } = state
  if (state.role !== 'leader') return { kind: 'dropped', reason: 'not-leader', leader }
  // Leadership is being handed over: the target must not be kept behind (dissertation §3.10).
  if (transferee !== noReplica) return { kind: 'dropped', reason: 'not-leader', leader: transferee }
  if (state.tracker.progressOf(state.id) === undefined) {
    return { kind: 'dropped', reason: 'not-leader', leader: noReplica }
  }
  if (exceedsUncommitted(state, byteLengths)) {
    return { kind: 'dropped', reason: 'uncommitted-limit', leader }
  }
  return undefined
}

/** Appends entries of the leader's term and sends them on. */
export function appendProposal(
  state: CoreState,
  kind: EntryKind,
  byteLengths: Uint32Array,
): Accepted {
  const { term, log } = state
  const firstIndex = (log.lastIndex + 1) as LogIndex
  state.uncommittedBytes += sumOf(byteLengths)
  log.appendRuns([{ term, kind, count: byteLengths.length }], byteLengths)
  broadcastAppend(state)
  return { kind: 'accepted', term, firstIndex, lastIndex: log.lastIndex }
}

/** Bounds what a leader without a quorum piles up. A proposal that finds nothing waiting always enters. */
function exceedsUncommitted(state: CoreState, byteLengths: Uint32Array): boolean {
  const { uncommittedBytesMax } = state.limits
  if (uncommittedBytesMax === 0 || state.uncommittedBytes === 0) return false
  return state.uncommittedBytes + sumOf(byteLengths) > uncommittedBytesMax
}

function sumOf(byteLengths: Uint32Array): number {
  let bytes = 0
  for (const length of byteLengths) bytes += length
  return bytes
}
