import { noReplica } from '../base/ids.js'
import { campaign, concludeElection } from './election.js'
import { broadcastHeartbeat } from './heartbeat.js'
import { expireLease } from './lease.js'
import { countPromotionRounds } from './promotion.js'
import { mayQuiesce, quiesce } from './quiescence.js'
import { repeatForwardedReads, startReadRound } from './read-index.js'
import { becomeFollower } from './roles.js'
import { abandonTransfer } from './transfer.js'
import { isPromotable, restartElectionTimer, type CoreState } from './state.js'

/** Lets one tick pass. */
export function tick(state: CoreState): void {
  state.nowTicks++
  if (state.quiesced) return
  state.electionElapsedTicks++
  if (state.role === 'leader') tickLeader(state)
  else tickFollower(state)
}

function tickFollower(state: CoreState): void {
  repeatForwardedReads(state)
  if (state.majorityTicks !== undefined) concludeElection(state)
  else tickElection(state)
}

/** Nobody leads for as long as this replica's timeout: it campaigns (Raft §5.2). */
function tickElection(state: CoreState): void {
  if (!isPromotable(state) || state.electionElapsedTicks < state.electionTimeoutTicks) return
  restartElectionTimer(state)
  campaign(state)
}

function tickLeader(state: CoreState): void {
  state.heartbeatElapsedTicks++
  if (state.electionElapsedTicks >= state.limits.electionTicksMin) {
    state.electionElapsedTicks = 0
    countPromotionRounds(state)
    if (state.limits.checkQuorum && !state.tracker.takeQuorumActive(state.id)) {
      // Dissertation §6.2: a leader that hears no quorum may have been replaced without knowing.
      becomeFollower(state, state.term, noReplica)
      return
    }
    abandonTransfer(state)
  }
  if (state.heartbeatElapsedTicks < state.limits.heartbeatTicks) return
  state.heartbeatElapsedTicks = 0
  if (mayQuiesce(state)) quiesce(state)
  else if (state.limits.leaseTicks > 0) startReadRound(state)
  else broadcastHeartbeat(state)
}

/** Waits for a leader, or for a quorum, from here on: the silence before was this process's own. */
export function rearmElectionTimer(state: CoreState): void {
  restartElectionTimer(state)
  expireLease(state)
}

/** The leader steps down within its term. Where it is the only voter nobody can have replaced it, and it leads on. */
export function surrenderLeadership(state: CoreState): void {
  // In a silent group nobody waits for the leader, and nobody has replaced it for its stall.
  if (state.quiesced) return
  const { incoming, outgoing } = state.tracker.configuration
  const hasOthers = [...incoming, ...outgoing].some((voter) => voter !== state.id)
  if (state.role === 'leader' && hasOthers) becomeFollower(state, state.term, noReplica)
  else rearmElectionTimer(state)
}
