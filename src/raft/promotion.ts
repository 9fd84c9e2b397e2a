import { noReplica, type ReplicaId } from '../base/ids.js'
import { hasChangeUnderWay } from './membership-proposal.js'
import { isJoint } from './membership.js'
import type { Progress } from './progress.js'
import type { CoreState } from './state.js'

/** Automatic promotion of learners (dissertation §4.2.1), off unless `promotionLagEntriesMax` is set.
 *
 *  A round is a check-quorum interval. A learner that was heard in it, and lacks few entries at its end, has kept up for that
 *  round; one that has for `promotionRounds` on end may vote: it would hold up no commit. The rounds are a leader's own
 *  knowledge, and begin anew with every leadership and every configuration. */

/** Ends a round, before it is forgotten who was heard in it. */
export function countPromotionRounds(state: CoreState): void {
  const { tracker, limits } = state
  if (limits.promotionLagEntriesMax === 0) return
  for (const id of tracker.configuration.learners) {
    const progress = tracker.progressOf(id)
    if (progress === undefined) continue
    progress.keptUpRounds = keepsUp(state, progress) ? progress.keptUpRounds + 1 : 0
  }
}

/** The learner that may become a voter now; 0 for none. None while another change is under way. */
export function promotableLearner(state: CoreState): ReplicaId {
  const { role, tracker, limits, transferee } = state
  const { configuration } = tracker
  if (role !== 'leader' || limits.promotionLagEntriesMax === 0) return noReplica
  if (isJoint(configuration) || transferee !== noReplica || hasChangeUnderWay(state)) {
    return noReplica
  }
  const ready = configuration.learners.find(
    (id) => (tracker.progressOf(id)?.keptUpRounds ?? 0) >= limits.promotionRounds,
  )
  return ready ?? noReplica
}

/** A new configuration is in force: everybody has to keep up with it first. */
export function restartPromotions({ tracker }: CoreState): void {
  for (const id of tracker.ids) {
    const progress = tracker.progressOf(id)
    if (progress !== undefined) progress.keptUpRounds = 0
  }
}

function keepsUp(
  { log, limits }: CoreState,
  { recentActive, state, matchIndex }: Progress,
): boolean {
  const lagEntries = log.lastIndex - matchIndex
  return recentActive && state === 'replicate' && lagEntries <= limits.promotionLagEntriesMax
}
