import { broadcastHeartbeat } from './heartbeat.js'
import { hasLease, leaseClock } from './lease.js'
import type { ReadIndexResult } from './ready.js'
import type { CoreState } from './state.js'

/** Takes a read that must see everything committed before it was asked (dissertation §6.4).
 *  Followers refuse: the reader asks the leader. */
export function askReadIndex(state: CoreState, context: number): ReadIndexResult {
  if (state.role !== 'leader') {
    return { kind: 'dropped', reason: 'not-leader', leader: state.leader }
  }
  if (hasLease(state)) state.reads.serve(context, state.commitIndex)
  else state.reads.ask(context)
  return { kind: 'accepted' }
}

/** Whether reads wait that may start their round. A leader that has committed nothing in its term may
 *  not know yet how far its predecessors committed, so they wait for its first entry. */
export function canStartReadRound(state: CoreState): boolean {
  const { reads, log, commitIndex, term } = state
  return state.role === 'leader' && reads.hasAsked && log.holds(commitIndex, term)
}

/** Starts one round for all reads asked since the last one; for none when it is only to prolong a lease. */
export function startReadRound(state: CoreState): void {
  state.reads.startRound(state.id, state.commitIndex, leaseClock(state))
  broadcastHeartbeat(state)
  state.reads.release(state.tracker.configuration)
}
