import { noReplica } from '../base/ids.js'
import { broadcastHeartbeat } from './heartbeat.js'
import { hasLease, leaseClock } from './lease.js'
import type { ReadIndexRequest, ReadIndexResponse } from './messages.js'
import type { Read, ServedRead } from './read-rounds.js'
import type { ReadIndexResult } from './ready.js'
import type { CoreState } from './state.js'

/** Takes a read that must see everything committed before it was asked (dissertation §6.4).
 *  A follower asks its leader; without one it refuses. */
export function askReadIndex(state: CoreState, context: number): ReadIndexResult {
  const { role, leader, id } = state
  if (role === 'leader') {
    takeRead(state, { context, from: id })
  } else {
    if (leader === noReplica) return { kind: 'dropped', reason: 'not-leader', leader }
    state.forwardedReads.ask(context)
  }
  return { kind: 'accepted' }
}

/** The leader takes the reads of a follower like its own. */
export function handleReadIndex(state: CoreState, { from, context }: ReadIndexRequest): void {
  takeRead(state, { context, from })
}

/** A follower learns at which index its reads may be served. It does not matter who leads meanwhile: the answer is about
 *  the time at which the leader took the request. */
export function handleReadIndexResponse(
  state: CoreState,
  { context, index }: ReadIndexResponse,
): void {
  const contexts = state.forwardedReads.answer(context)
  for (const each of contexts) state.reads.serve({ context: each, from: state.id }, index)
}

/** Whether there are reads to ask the leader for. */
export const canForwardReads = ({ role, leader, forwardedReads }: CoreState): boolean =>
  role !== 'leader' && leader !== noReplica && forwardedReads.hasAsked

/** Asks the leader once for all reads of this turn. */
export function forwardReads(state: CoreState): void {
  sendRequest(state, state.forwardedReads.request(state.random))
}

/** Asks again for reads that got no answer within a heartbeat: the request, the answer or the leader may be lost. */
export function repeatForwardedReads(state: CoreState): void {
  const { forwardedReads, nowTicks, limits, leader } = state
  const { newestNumber, sentTicks } = forwardedReads
  if (newestNumber === 0 || leader === noReplica) return
  if (nowTicks - sentTicks >= limits.heartbeatTicks) sendRequest(state, newestNumber)
}

function sendRequest(state: CoreState, context: number): void {
  const { id: from, leader: to, term } = state
  state.forwardedReads.sentTicks = state.nowTicks
  state.messages.push({ kind: 'read-index', from, to, term, context })
}

function takeRead(state: CoreState, read: Read): void {
  if (hasLease(state)) state.reads.serve(read, state.commitIndex)
  else state.reads.ask(read)
}

/** Whether reads wait that may start their round. */
export const canStartReadRound = (state: CoreState): boolean =>
  state.role === 'leader' && state.reads.hasAsked && knowsCommitted(state)

/** A leader that has committed nothing in its term may not know yet how far its predecessors committed: reads wait for its
 *  first entry (dissertation §6.4, step 1). */
const knowsCommitted = ({ log, commitIndex, term }: CoreState): boolean =>
  log.holds(commitIndex, term)

/** Starts one round for all reads asked since the last one that need not wait; for none when it is only to prolong a lease. */
export function startReadRound(state: CoreState): void {
  const { reads, commitIndex } = state
  reads.startRound(knowsCommitted(state) ? reads.takeAsked() : [], commitIndex, leaseClock(state))
  broadcastHeartbeat(state)
  state.reads.release(state.tracker.configuration)
}

/** Tells a follower that its reads may be served. */
export function answerForwardedRead(state: CoreState, { read, index }: ServedRead): void {
  const { id: from, term } = state
  const { from: to, context } = read
  state.messages.push({ kind: 'read-index-response', from, to, term, context, index })
}
