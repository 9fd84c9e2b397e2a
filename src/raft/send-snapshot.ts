import type { ReplicaId } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Progress } from './progress.js'
import type { SnapshotDescription } from './ready.js'
import type { CoreState } from './state.js'

/** Whether there is a snapshot behind which the log goes on without a gap. */
export const hasSendableSnapshot = ({ snapshot, log }: CoreState): boolean =>
  snapshot !== undefined && snapshot.index + 1 >= log.firstIndex

/** Sends the newest snapshot to a follower that needs entries which are compacted away, if it is there to take it.
 *  @returns whether it was sent. */
export function sendSnapshot(state: CoreState, progress: Progress): boolean {
  const { snapshot, id: from, term } = state
  if (snapshot === undefined || !hasSendableSnapshot(state) || !progress.recentActive) return false
  progress.becomeSnapshot(snapshot.index)
  state.messages.push({ kind: 'install-snapshot', from, to: progress.id, term, snapshot })
  return true
}

/** A snapshot is complete here and can be sent to followers from now on. */
export function noteSnapshot(state: CoreState, snapshot: SnapshotDescription): void {
  const { appliedIndex } = state.applying
  const { index, term } = snapshot
  invariant(index <= appliedIndex, 'R16', { index, appliedIndex })
  const known = state.log.termAt(index)
  invariant(known === undefined || known === term, 'R16', { index, term, known })
  if (index > (state.snapshot?.index ?? 0)) state.snapshot = snapshot
}

/** What became of a snapshot that was sent. */
export function reportSnapshot(
  state: CoreState,
  id: ReplicaId,
  outcome: 'delivered' | 'failed',
): void {
  const progress = state.tracker.progressOf(id)
  if (state.role !== 'leader' || progress?.state !== 'snapshot') return
  progress.endSnapshot({ delivered: outcome === 'delivered' })
}
