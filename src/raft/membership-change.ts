import type { ReplicaId } from '../base/ids.js'
import {
  ascending,
  isJoint,
  isLeaveJoint,
  type MembershipChange,
  type MembershipConfiguration,
  type ReplicaChange,
} from './membership.js'

/** A change either leads to a new configuration or is impossible in the present one. */
export type MembershipChangeResult =
  | { readonly kind: 'changed'; readonly configuration: MembershipConfiguration }
  | { readonly kind: 'refused'; readonly reason: string }

/** Takes a change the way that its transition names. Pure: every replica comes to the same result. */
export function changeMembership(
  configuration: MembershipConfiguration,
  change: MembershipChange,
): MembershipChangeResult {
  if (isLeaveJoint(change)) return leaveJoint(configuration)
  const { transition, changes } = change
  if (transition === 'forced') return changed(forcedDraft(changes), { autoLeave: false })
  if (transition === 'auto' && changes.length === 1) return changeSimply(configuration, changes)
  return enterJoint(configuration, changes, { autoLeave: transition !== 'joint-explicit' })
}

/** Changes at most one voter, and any number of learners, at once: the majorities before and after overlap
 *  (dissertation §4.1). */
export function changeSimply(
  configuration: MembershipConfiguration,
  changes: readonly ReplicaChange[],
): MembershipChangeResult {
  if (isJoint(configuration)) return refused("can't apply simple config change in joint config")
  const draft = draftOf(configuration)
  for (const change of changes) makeChange(draft, change)
  if (draft.incoming.size === 0) return refused('removed all voters')
  if (differenceCount(configuration.incoming, draft.incoming) > 1) {
    return refused('more than one voter changed without entering joint config')
  }
  return changed(draft, { autoLeave: false })
}

/** Begins any change: from here on the voters before and after it both decide (dissertation §4.3). */
export function enterJoint(
  configuration: MembershipConfiguration,
  changes: readonly ReplicaChange[],
  { autoLeave }: { readonly autoLeave: boolean },
): MembershipChangeResult {
  const { incoming } = configuration
  if (isJoint(configuration)) return refused('config is already joint')
  if (incoming.length === 0) return refused("can't make a zero-voter config joint")
  const draft = draftOf({ ...configuration, outgoing: incoming })
  for (const change of changes) makeChange(draft, change)
  if (draft.incoming.size === 0) return refused('removed all voters')
  return changed(draft, { autoLeave })
}

/** Ends it: the incoming voters decide alone, and demoted ones are learners now. */
export function leaveJoint(configuration: MembershipConfiguration): MembershipChangeResult {
  if (!isJoint(configuration)) return refused("can't leave a non-joint config")
  const draft = draftOf({ ...configuration, outgoing: [] })
  for (const id of draft.learnersNext) draft.learners.add(id)
  draft.learnersNext.clear()
  return changed(draft, { autoLeave: false })
}

interface Draft {
  readonly incoming: Set<ReplicaId>
  readonly outgoing: ReadonlySet<ReplicaId>
  readonly learners: Set<ReplicaId>
  readonly learnersNext: Set<ReplicaId>
}

const draftOf = (configuration: MembershipConfiguration): Draft => ({
  incoming: new Set(configuration.incoming),
  outgoing: new Set(configuration.outgoing),
  learners: new Set(configuration.learners),
  learnersNext: new Set(configuration.learnersNext),
})

const forcedDraft = (changes: readonly ReplicaChange[]): Draft => ({
  incoming: new Set(changes.map(({ id }) => id)),
  outgoing: new Set(),
  learners: new Set(),
  learnersNext: new Set(),
})

function makeChange(draft: Draft, { kind, id }: ReplicaChange): void {
  if (id === 0 || kind === 'update') return
  draft.incoming.delete(id)
  draft.learners.delete(id)
  draft.learnersNext.delete(id)
  if (kind === 'add-voter') draft.incoming.add(id)
  // A voter of the outgoing half still votes: it cannot be a learner before the joint configuration is left.
  if (kind === 'add-learner') (draft.outgoing.has(id) ? draft.learnersNext : draft.learners).add(id)
}

const changed = (
  { incoming, outgoing, learners, learnersNext }: Draft,
  { autoLeave }: { readonly autoLeave: boolean },
): MembershipChangeResult => ({
  kind: 'changed',
  configuration: {
    incoming: ascending(incoming),
    outgoing: ascending(outgoing),
    learners: ascending(learners),
    learnersNext: ascending(learnersNext),
    autoLeave,
  },
})

const refused = (reason: string): MembershipChangeResult => ({ kind: 'refused', reason })

function differenceCount(before: readonly ReplicaId[], after: ReadonlySet<ReplicaId>): number {
  const removed = before.filter((id) => !after.has(id)).length
  return removed + after.size - (before.length - removed)
}
