import { hasLease } from './lease.js'
import type { CoreStatus } from './ready.js'
import type { CoreState } from './state.js'

/** The state for people and metrics. */
export function describeStatus(state: CoreState): CoreStatus {
  const { log, persistence, applying, tracker } = state
  const { configuration } = tracker
  return {
    id: state.id,
    role: state.role,
    leader: state.leader,
    term: state.term,
    vote: state.vote,
    commitIndex: state.commitIndex,
    appliedIndex: applying.appliedIndex,
    durableIndex: persistence.durableIndex,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    lastTerm: log.last.term,
    uncommittedBytes: state.uncommittedBytes,
    electionElapsedTicks: state.electionElapsedTicks,
    electionTimeoutTicks: state.electionTimeoutTicks,
    voters: { incoming: configuration.incoming, outgoing: configuration.outgoing },
    configuration,
    quiesced: state.quiesced,
    leaseHeld: hasLease(state),
    highRoundTrip: state.highRoundTrip,
    highRoundTripCount: state.highRoundTripCount,
    widenedTimeoutCount: state.widenedTimeoutCount,
    transferee: state.transferee,
    progress: state.role === 'leader' ? tracker.status() : [],
  }
}
