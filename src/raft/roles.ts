import { noReplica, type LogIndex, type ReplicaId, type Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { entryKinds } from './entry-range.js'
import { followLeader, restartElectionTimer, type CoreState } from './state.js'

/** Follows `leader` (0: nobody known) in `term`. */
export function becomeFollower(state: CoreState, term: Term, leader: ReplicaId): void {
  enterTerm(state, term)
  leaveRole(state)
  restartElectionTimer(state)
  state.role = 'follower'
  state.leader = noReplica
  if (leader !== noReplica) followLeader(state, leader)
}

/** Learns of a newer term from a candidate that has not got this replica's vote. A follower's election timer
 *  runs on: a candidate that cannot win must not keep those from campaigning that can. */
export function followNewerCandidate(state: CoreState, term: Term): void {
  if (state.role !== 'follower') {
    becomeFollower(state, term, noReplica)
    return
  }
  enterTerm(state, term)
  state.leader = noReplica
}

/** Asks whether an election could be won, without touching term or vote (dissertation §9.6). */
export function becomePreCandidate(state: CoreState): void {
  state.tracker.clearVotes()
  state.majorityTicks = undefined
  state.role = 'pre-candidate'
  state.leader = noReplica
}

/** Stands for election in the next term, with its own vote (Raft §5.2). */
export function becomeCandidate(state: CoreState): void {
  enterTerm(state, (state.term + 1) as Term)
  leaveRole(state)
  restartElectionTimer(state)
  state.role = 'candidate'
  state.leader = noReplica
  state.vote = state.id
}

/** Leads, and appends an empty entry: only through an entry of its own term can a leader commit (Raft §5.4.2, §8). */
export function becomeLeader(state: CoreState): void {
  invariant(state.role === 'candidate', 'R7', { role: state.role })
  leaveRole(state)
  restartElectionTimer(state)
  state.heartbeatElapsedTicks = 0
  state.role = 'leader'
  state.ledSinceTicks = state.nowTicks
  state.leaseWaived = false
  state.steppedBack = false
  state.leader = state.id
  for (const context of state.forwardedReads.takeAll()) state.reads.ask({ context, from: state.id })
  leadOneself(state)
  // A change of a predecessor may be among these entries: until they are applied there is no other.
  state.pendingMembershipIndex = state.log.lastIndex
  const noop = { term: state.term, kind: entryKinds.noop, count: 1 }
  state.log.appendRuns([noop], Uint32Array.of(state.limits.noopBytes))
  state.noopIndex = state.log.lastIndex
}

/** A leader needs no probe of its own log, and always hears itself. */
function leadOneself({ tracker, id }: CoreState): void {
  const progress = tracker.progressOf(id)
  if (progress === undefined) return
  progress.becomeReplicate()
  progress.recentActive = true
}

/** Raises the term. The vote is cleared only with it: stepping down within a term keeps the vote given in it. */
function enterTerm(state: CoreState, term: Term): void {
  invariant(term >= state.term, 'R1', { term, current: state.term })
  if (term === state.term) return
  state.term = term
  state.vote = noReplica
}

function leaveRole(state: CoreState): void {
  const { log, persistence } = state
  state.reads.abandon()
  state.tracker.reset(state.id, log.lastIndex, persistence.durableIndex)
  state.quiesced = false
  state.majorityTicks = undefined
  state.uncommittedBytes = 0
  state.noopIndex = 0 as LogIndex
  state.pendingMembershipIndex = 0 as LogIndex
  state.transferee = noReplica
}
