import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import { entryKinds } from './entry-range.js'
import { changeMembership } from './membership-change.js'
import {
  isJoint,
  isLeaveJoint,
  isVoterOf,
  memberIds,
  type MembershipChange,
  type MembershipConfiguration,
} from './membership.js'
import { appendProposal, whyNotProposed } from './propose.js'
import type { MembershipProposeResult } from './ready.js'
import type { CoreState } from './state.js'

/** Appends one entry of kind membership to the leader's log, if the change is possible when it will be applied: no
 *  other change may be on its way then, so the configuration in force is the one that it will meet. */
export function proposeMembership(
  state: CoreState,
  change: MembershipChange,
  byteLength: number,
): MembershipProposeResult {
  const byteLengths = Uint32Array.of(byteLength)
  const obstacle = whyNotProposed(state, byteLengths)
  if (obstacle !== undefined) return obstacle
  const refusal = whyNotChanged(state, change)
  if (refusal !== undefined) {
    return { kind: 'dropped', reason: 'refused', leader: state.leader, refusal }
  }
  const result = appendProposal(state, entryKinds.membership, byteLengths)
  state.pendingMembershipIndex = result.lastIndex
  return result
}

/** Whether a change is, or may be, in this leader's log and not applied. */
export const hasChangeUnderWay = ({ pendingMembershipIndex, applying }: CoreState): boolean =>
  pendingMembershipIndex > applying.appliedIndex

/** A leader leaves a joint configuration that wants it as soon as all changes it knows of are applied. A new leader
 *  thereby ends what its predecessor began. */
export function maybeLeaveJoint(state: CoreState): void {
  const { role, tracker, transferee } = state
  if (role !== 'leader' || !tracker.configuration.autoLeave || transferee !== 0) return
  if (hasChangeUnderWay(state)) return
  const byteLengths = Uint32Array.of(state.limits.noopBytes)
  const { lastIndex } = appendProposal(state, entryKinds.membership, byteLengths)
  state.pendingMembershipIndex = lastIndex
}

/** A committed change was met by the state machine: from here on its configuration counts.
 *  A change that is impossible by now changes nothing, on every replica alike; proposals make sure that none comes. */
export function takeAppliedChange(
  state: CoreState,
  change: MembershipChange,
  index: LogIndex,
): ReturnType<typeof changeMembership> {
  const { applying, log, membershipIndex } = state
  const { appliedIndex, handedOutIndex } = applying
  const isNext = index > Math.max(appliedIndex, membershipIndex) && index <= handedOutIndex
  invariant(isNext, 'R15', { index, appliedIndex, membershipIndex, handedOutIndex })
  const skipped = log.hasKind(entryKinds.membership, membershipIndex + 1, index - 1)
  const isChange = log.kindAt(index) === entryKinds.membership
  invariant(isChange && !skipped, 'R15', { index, membershipIndex, kind: log.kindAt(index) })
  state.membershipIndex = index
  const { configuration } = state.tracker
  const result = changeMembership(configuration, change)
  if (result.kind === 'changed') noteFormer(state, configuration, result.configuration)
  return result
}

/** Remembers who has left, until it is a voter again. */
function noteFormer(
  { former }: CoreState,
  before: MembershipConfiguration,
  after: MembershipConfiguration,
): void {
  const members = memberIds(after)
  for (const id of memberIds(before)) if (!members.includes(id)) former.add(id)
  for (const id of members) if (isVoterOf(after, id)) former.delete(id)
}

/** Whether a committed change waits to be applied: until then this replica does not know who votes. */
export const hasUnappliedChange = ({
  applying,
  membershipIndex,
  log,
  commitIndex,
}: CoreState): boolean =>
  log.hasKind(
    entryKinds.membership,
    Math.max(applying.appliedIndex, membershipIndex) + 1,
    commitIndex,
  )

function whyNotChanged(state: CoreState, change: MembershipChange): string | undefined {
  const { pendingMembershipIndex, applying, log, commitIndex, term, tracker, limits } = state
  if (change.transition === 'forced') return 'a configuration is forced offline, never proposed'
  if (limits.membershipGuard === 'none') return undefined
  if (hasChangeUnderWay(state)) {
    return `possible unapplied conf change at index ${pendingMembershipIndex} (applied to ${applying.appliedIndex})`
  }
  if (isJoint(tracker.configuration) && !isLeaveJoint(change)) {
    return 'must transition out of joint config first'
  }
  if (!isJoint(tracker.configuration) && isLeaveJoint(change)) {
    return 'not in joint state; refusing empty conf change'
  }
  if (limits.membershipGuard === 'pending') return undefined
  if (!log.holds(commitIndex, term)) return 'no entry of the own term is committed yet'
  const result = changeMembership(tracker.configuration, change)
  return result.kind === 'refused' ? result.reason : whyNotBack(state, change)
}

/** Who was removed may have lost its disk meanwhile, and with it what it had voted and acknowledged. It can vote again once it
 *  has acknowledged something to this leader, as a learner: then its vote of this term is given, durably, and earlier terms are over. */
function whyNotBack({ former, tracker }: CoreState, change: MembershipChange): string | undefined {
  const back = change.changes.find(({ kind, id }) => kind === 'add-voter' && former.has(id))
  if (back === undefined || (tracker.progressOf(back.id)?.matchIndex ?? 0) > 0) return undefined
  return `replica ${back.id} was removed; it comes back as a learner, and votes when it has caught up`
}
