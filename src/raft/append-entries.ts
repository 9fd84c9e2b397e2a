import type { LogIndex, Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { rangeFrom, type EntryRange } from './entry-range.js'
import type { AppendEntries } from './messages.js'
import { respondToAppend, withdrawAcknowledgements } from './outbox.js'
import { becomeFollower } from './roles.js'
import { commitTo, hearLeader, type CoreState } from './state.js'

/** A follower hears its leader: the election timer starts over (Raft §5.2). */
export function handleAppendEntries(state: CoreState, message: AppendEntries): void {
  hearLeader(state, message.from)
  takeEntries(state, message)
}

/** A candidate hears the leader of its own term, and follows it (Raft §5.2). */
export function followAppendEntries(state: CoreState, message: AppendEntries): void {
  becomeFollower(state, message.term, message.from)
  takeEntries(state, message)
}

function takeEntries(state: CoreState, message: AppendEntries): void {
  const { from, prevIndex, prevTerm, entries, commitIndex } = message
  if (prevIndex < state.commitIndex) {
    // A late message: what is committed matches, and is never rewritten.
    assertCommittedKept(state, message)
    accept(state, from, state.commitIndex)
    return
  }
  if (!state.log.holds(prevIndex, prevTerm)) {
    reject(state, message)
    return
  }
  if (entries !== null) appendMissing(state, message, entries)
  const matchIndex = entries === null ? prevIndex : entries.lastIndex
  // Only what is known to match may be committed: entries behind it can be those of an old leader (Raft §5.3).
  commitTo(state, Math.min(commitIndex, matchIndex))
  accept(state, from, matchIndex)
}

function accept(state: CoreState, to: AppendEntries['from'], index: LogIndex): void {
  const noHint = { rejectHintIndex: 0 as LogIndex, rejectHintTerm: 0 as Term }
  respondToAppend(state, to, { index, rejected: false, ...noHint })
}

/** Says how far back the logs may part: no entry of a term above prevTerm can match (Raft §5.3, last but one paragraph). */
function reject(state: CoreState, { from, prevIndex, prevTerm }: AppendEntries): void {
  const highest = Math.min(prevIndex, state.log.lastIndex)
  const hint = state.log.lastWithTermAtMost(highest, prevTerm)
  const answer = { rejectHintIndex: hint.index, rejectHintTerm: hint.term }
  respondToAppend(state, from, { index: prevIndex, rejected: true, ...answer })
}

/** Appends what is missing. Entries that are there already stay, and so does what follows them: the message may
 *  be an old one that ends early (Raft figure 2, AppendEntries steps 3 and 4). */
function appendMissing(state: CoreState, message: AppendEntries, entries: EntryRange): void {
  assertContiguous(message, entries)
  const { log } = state
  const firstMissing = log.firstMissing(entries)
  if (firstMissing === undefined) return
  if (firstMissing <= log.lastIndex) {
    log.truncateFrom(firstMissing)
    state.persistence.noteTruncation(firstMissing)
    withdrawAcknowledgements(state, firstMissing)
  }
  const missing = rangeFrom(entries, firstMissing)
  log.appendRuns(missing.runs, missing.byteLengths)
}

/** What was committed here is in the log of every later leader (Raft §5.4.3). If the leader has something else
 *  there, one of the two logs is not what it must be: going on would lose acknowledged entries. */
function assertCommittedKept(state: CoreState, message: AppendEntries): void {
  const { entries, from, term } = message
  const { log, commitIndex } = state
  if (entries === null || entries.lastIndex < log.firstIndex) return
  const firstMissing = log.firstMissing(rangeFrom(entries, log.firstIndex))
  const kept = firstMissing === undefined || firstMissing > commitIndex
  invariant(kept, 'R6', { conflictIndex: firstMissing, commitIndex, leader: from, term })
}

function assertContiguous({ prevIndex, term }: AppendEntries, entries: EntryRange): void {
  const { firstIndex, lastIndex, byteLengths, runs } = entries
  invariant(firstIndex === prevIndex + 1, 'R8', { firstIndex, prevIndex })
  const count = byteLengths.length
  invariant(count > 0 && lastIndex === prevIndex + count, 'R8', { prevIndex, lastIndex, count })
  const lastTerm = runs.at(-1)?.term ?? 0
  invariant(lastTerm <= term, 'R9', { lastTerm, term })
}
