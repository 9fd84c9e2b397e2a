import { expireLease } from './lease.js'
import type { MembershipConfiguration } from './membership.js'
import { restartPromotions } from './promotion.js'
import { broadcastAppend, maybeCommit, sendPending } from './replication.js'
import { becomeFollower } from './roles.js'
import { noReplica } from '../base/ids.js'
import type { CoreState } from './state.js'
import { abandonTransfer } from './transfer.js'

/** Puts a configuration in force, and draws the consequences for a leader. */
export function configure(state: CoreState, configuration: MembershipConfiguration): void {
  const { tracker, log, id } = state
  tracker.reconfigure(configuration, Math.max(log.lastIndex, 1))
  if (state.role !== 'leader') return
  restartPromotions(state)
  // Other voters may elect: only what they confirm from here on counts.
  expireLease(state)
  if (!tracker.isVoter(id) && state.limits.stepDownOnRemoval) {
    // Dissertation §4.2.2: a leader that is not part of the configuration steps down once that is committed.
    becomeFollower(state, state.term, noReplica)
    return
  }
  leadOn(state)
}

/** A smaller quorum may hold more than is known to be committed, and new followers wait for their first append. */
function leadOn(state: CoreState): void {
  const { tracker, persistence, id } = state
  if (configurationIsEmpty(tracker.configuration)) return
  tracker.progressOf(id)?.acknowledgeMatch(persistence.durableIndex)
  if (maybeCommit(state)) broadcastAppend(state)
  else sendToAll(state)
  state.reads.release(tracker.configuration)
  if (state.transferee !== noReplica && !tracker.isVoter(state.transferee)) abandonTransfer(state)
}

function sendToAll(state: CoreState): void {
  for (const id of state.tracker.ids) {
    const progress = state.tracker.progressOf(id)
    if (progress !== undefined) sendPending(state, progress)
  }
}

const configurationIsEmpty = ({ incoming, outgoing }: MembershipConfiguration): boolean =>
  incoming.length + outgoing.length === 0
