import { invariant } from '../base/invariant.js'
import { entryKinds } from './entry-range.js'
import type { CoreState } from './state.js'

/** The rules that are cheap enough to be checked after every call. */
export function assertValid({
  applying,
  commitIndex,
  log,
  persistence,
  tracker,
  role,
}: CoreState): void {
  const { appliedIndex, handedOutIndex } = applying
  invariant(appliedIndex <= handedOutIndex, 'R3', { appliedIndex, handedOutIndex })
  invariant(handedOutIndex <= commitIndex, 'R3', { handedOutIndex, commitIndex })
  invariant(commitIndex <= log.lastIndex, 'R3', { commitIndex, lastIndex: log.lastIndex })
  const { durableIndex, nextIndex } = persistence
  invariant(durableIndex < nextIndex, 'R4', { durableIndex, nextIndex })
  invariant(nextIndex <= log.lastIndex + 1, 'R4', { nextIndex, lastIndex: log.lastIndex })
  if (role === 'leader') tracker.assertValid()
}

/** Every membership entry up to `index` went through applyMembership: who votes is part of the state. */
export function assertChangesApplied(
  { log, applying, membershipIndex }: CoreState,
  index: number,
): void {
  const firstIndex = Math.max(applying.appliedIndex, membershipIndex) + 1
  const skipped = log.hasKind(entryKinds.membership, firstIndex, index)
  invariant(!skipped, 'R15', { firstIndex, index })
}
