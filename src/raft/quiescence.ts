import { noReplica } from '../base/ids.js'
import { broadcastHeartbeat } from './heartbeat.js'
import type { Message } from './messages.js'
import { isJoint } from './membership.js'
import { restartElectionTimer, type CoreState } from './state.js'

/** Quiescence, off unless `quiesceTicks` is set: a group in which nothing happens sends nothing, and no timer runs in it.
 *
 *  It is about liveness only. A quiesced replica is one whose clock stands still: it answers every message as ever, by the
 *  same rules, and the safety of Raft rests on no clock (dissertation §3.9). Leases do, so they exclude quiescence. Nothing
 *  is served by a quiesced leader without a quorum either: whatever is asked of it wakes it first. */

/** Whether this leader may fall silent: everybody holds everything, knows it to be committed, and was heard lately. */
export function mayQuiesce(state: CoreState): boolean {
  const { limits, nowTicks, activeTicks, log, commitIndex, applying, tracker, transferee } = state
  if (limits.quiesceTicks === 0 || nowTicks - activeTicks < limits.quiesceTicks) return false
  const isSettled = commitIndex === log.lastIndex && applying.appliedIndex === log.lastIndex
  if (!isSettled || transferee !== noReplica || isJoint(tracker.configuration)) return false
  if (state.reads.pendingRound > 0 || state.reads.hasAsked) return false
  // The rounds of a promotion are counted by ticks.
  if (limits.promotionLagEntriesMax > 0 && tracker.configuration.learners.length > 0) return false
  return tracker.ids.every((id) => {
    const progress = tracker.progressOf(id)
    return progress?.matchIndex === log.lastIndex && progress.recentActive
  })
}

/** The leader says that it falls silent, and does. */
export function quiesce(state: CoreState): void {
  broadcastHeartbeat(state, { quiesce: true })
  state.quiesced = true
}

/** Something happens: timers run again from here on. A leader tells everybody, and asks who is still there. */
export function wake(state: CoreState): void {
  state.activeTicks = state.nowTicks
  if (!state.quiesced) return
  state.quiesced = false
  restartElectionTimer(state)
  if (state.role === 'leader') broadcastHeartbeat(state)
}

/** A message wakes, unless it is part of falling silent. */
export function wakeFor(state: CoreState, message: Message): void {
  const isExpected =
    message.kind === 'heartbeat-response' ||
    (message.kind === 'heartbeat' && message.quiesce === true)
  if (!isExpected) wake(state)
}
