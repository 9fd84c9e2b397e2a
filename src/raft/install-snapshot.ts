import type { LogIndex, Term } from '../base/ids.js'
import { configure } from './configure.js'
import type { InstallSnapshot } from './messages.js'
import { respondToAppend, withdrawAcknowledgements } from './outbox.js'
import type { SnapshotDescription } from './ready.js'
import { becomeFollower } from './roles.js'
import { commitTo, hearLeader, type CoreState } from './state.js'

/** A follower hears its leader, and has received a whole snapshot from it. */
export function handleInstallSnapshot(state: CoreState, message: InstallSnapshot): void {
  hearLeader(state, message.from)
  takeSnapshot(state, message)
}

/** A candidate hears the leader of its own term, and follows it (Raft §5.2). */
export function followInstallSnapshot(state: CoreState, message: InstallSnapshot): void {
  becomeFollower(state, message.term, message.from)
  takeSnapshot(state, message)
}

/** Answers like an append: up to where this log is now known to be that of the leader. */
function takeSnapshot(state: CoreState, { from, snapshot }: InstallSnapshot): void {
  const index = isRestored(state, snapshot) ? snapshot.index : state.commitIndex
  const noHint = { rejectHintIndex: 0 as LogIndex, rejectHintTerm: 0 as Term }
  respondToAppend(state, from, { index, rejected: false, ...noHint })
}

/** A snapshot may be older than the entry that adds this replica: that one follows it.
 *  @returns false when the log needs no snapshot. */
function isRestored(state: CoreState, snapshot: SnapshotDescription): boolean {
  const { log } = state
  if (snapshot.index <= state.commitIndex) return false
  if (log.holds(snapshot.index, snapshot.term)) {
    // Raft figure 13, step 6: the log has it all, and learns only that it is committed.
    commitTo(state, snapshot.index)
    return false
  }
  restore(state, snapshot)
  return true
}

/** The snapshot takes the place of the whole log (Raft §7). */
function restore(state: CoreState, snapshot: SnapshotDescription): void {
  const { log, persistence, applying } = state
  const { index } = snapshot
  persistence.noteRestore(index, state.commitIndex)
  withdrawAcknowledgements(state, state.commitIndex + 1)
  log.restore(snapshot)
  applying.restore(index)
  commitTo(state, index)
  state.membershipIndex = index
  state.snapshot = snapshot
  state.restoredSnapshot = snapshot
  configure(state, snapshot.configuration)
}
