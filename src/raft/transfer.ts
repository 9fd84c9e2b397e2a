import { noReplica, type ReplicaId } from '../base/ids.js'
import { campaignAtOnce } from './election.js'
import { maybeLeaveJoint } from './membership-proposal.js'
import type { Progress } from './progress.js'
import type { TransferResult } from './ready.js'
import { sendAppend } from './replication.js'
import type { CoreState } from './state.js'

/** Hands leadership to another voter (dissertation §3.10): it is brought up to date, then told to campaign at once.
 *  Meanwhile nothing is proposed here; after an election timeout without success this leader goes on. */
export function transferLeadership(state: CoreState, to: ReplicaId): TransferResult {
  const { role, leader, tracker, id } = state
  if (role !== 'leader') return { kind: 'refused', reason: 'not-leader', leader }
  const progress = tracker.progressOf(to)
  if (progress === undefined || !tracker.isVoter(to)) {
    return { kind: 'refused', reason: 'not-voter', leader }
  }
  if (state.transferee === to) return { kind: 'started' }
  const remainingTicks = state.ledSinceTicks + state.limits.leaderTicksMin - state.nowTicks
  if (remainingTicks > 0 && to !== id) {
    return { kind: 'refused', reason: 'term-too-short', leader, remainingTicks }
  }
  state.transferee = noReplica
  if (to === id) return { kind: 'refused', reason: 'leads-already', leader }
  state.transferee = to
  state.electionElapsedTicks = 0
  if (!finishTransfer(state, progress)) sendAppend(state, progress)
  return { kind: 'started' }
}

/** Tells the target to campaign once it holds the whole log. */
export function finishTransfer(state: CoreState, { id: to, matchIndex }: Progress): boolean {
  if (to !== state.transferee || matchIndex !== state.log.lastIndex) return false
  const { id: from, term } = state
  state.leaseWaived = true
  state.messages.push({ kind: 'timeout-now', from, to, term })
  return true
}

/** The target did not take over in time, or may not any more: this leader proposes again. */
export function abandonTransfer(state: CoreState): void {
  if (state.transferee === noReplica) return
  state.transferee = noReplica
  maybeLeaveJoint(state)
}

/** The leader wants this follower to take over. No pre-vote: the leader is not lost, it asks for it. */
export function handleTimeoutNow(state: CoreState): void {
  campaignAtOnce(state)
}

/** A follower takes its leader for lost, as if the shortest election timeout had passed: it may vote for another. Its own
 *  timer runs on, and a sign of life of the leader makes it follow again. What it promised for a lease stays promised. */
export function forgetLeader(state: CoreState): void {
  if (state.role === 'follower') state.leader = noReplica
}
