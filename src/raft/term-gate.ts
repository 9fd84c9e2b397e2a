import { noReplica, type LogIndex, type Term } from '../base/ids.js'
import { promisesLease } from './lease.js'
import { respondToAppend, respondToCandidate } from './outbox.js'
import type { Message } from './messages.js'
import { becomeFollower, followNewerCandidate } from './roles.js'
import type { CoreState } from './state.js'

/** Brings the terms in line before a message is handled (Raft §5.1).
 *  @returns whether the message is to be handled: it is of the current term then, or a pre-vote. */
export function passTermGate(state: CoreState, message: Message): boolean {
  if (!isFromMember(state, message)) return false
  if (message.term < state.term) return answerOldTerm(state, message)
  if (isHeldBackByLease(state, message)) return false
  if (message.term === state.term) return true
  return enterNewTerm(state, message)
}

/** Who is not in the configuration has no say in elections and counts for nothing: it neither gets a vote nor
 *  raises the term. The configuration known here may be an old one, though: a leader is heard, and so is a candidate
 *  whose log goes further than this one, for it may have been added by an entry that is missing here. */
function isFromMember(state: CoreState, message: Message): boolean {
  if (isFromLeader(message)) return true
  if (state.tracker.progressOf(message.from) !== undefined) return true
  if (message.kind !== 'request-vote' && message.kind !== 'pre-vote') return false
  const { index, term } = state.log.last
  const { lastIndex, lastTerm } = message
  return lastTerm > term || (lastTerm === term && lastIndex > index)
}

const isFromLeader = ({ kind }: Message): boolean =>
  kind === 'append-entries' || kind === 'heartbeat' || kind === 'install-snapshot'

/** A voter keeps the promise that a lease relies on in every term and role, unless the leader itself wants to go. */
function isHeldBackByLease(state: CoreState, message: Message): boolean {
  if (message.kind !== 'pre-vote' && message.kind !== 'request-vote') return false
  return promisesLease(state) && !('leadershipTransfer' in message)
}

/** Messages of older terms are dropped, but their sender may have to learn of the newer term. */
function answerOldTerm(state: CoreState, message: Message): false {
  if (isFromLeader(message)) {
    // While that leader lives nobody may listen to this replica's own higher term, or it does not know whom to tell:
    // without an answer to the leader the two would never agree on a term again (Raft §5.1).
    tellTerm(state, message.from)
  } else if (message.kind === 'pre-vote') {
    refuseCandidate(state, 'pre-vote-response', message.from)
  } else if (message.kind === 'request-vote') {
    // Else a candidate whose voter hears of ever newer terms from others would never catch up with them.
    refuseCandidate(state, 'request-vote-response', message.from)
  }
  return false
}

function refuseCandidate(
  state: CoreState,
  kind: 'pre-vote-response' | 'request-vote-response',
  to: Message['from'],
): void {
  respondToCandidate(state, { kind, to, term: state.term, rejected: true })
}

function tellTerm(state: CoreState, to: Message['from']): void {
  const none = { rejectHintIndex: 0 as LogIndex, rejectHintTerm: 0 as Term }
  respondToAppend(state, to, { index: 0 as LogIndex, rejected: false, ...none })
}

function enterNewTerm(state: CoreState, message: Message): boolean {
  switch (message.kind) {
    case 'pre-vote':
      // It asks about a term that nobody is in yet.
      return !hearsLeader(state)
    case 'request-vote':
      if (hearsLeader(state) && message.leadershipTransfer !== true) return false
      followNewerCandidate(state, message.term)
      return true
    case 'pre-vote-response':
      // A grant carries the term of the campaign to come; a rejection the voter's real one.
      if (message.rejected) becomeFollower(state, message.term, noReplica)
      return true
    case 'append-entries':
    case 'heartbeat':
    case 'install-snapshot':
      becomeFollower(state, message.term, message.from)
      return true
    case 'request-vote-response':
    case 'append-entries-response':
    case 'heartbeat-response':
    case 'read-index':
    case 'read-index-response':
    case 'timeout-now':
      becomeFollower(state, message.term, noReplica)
      return true
  }
}

/** Leader stickiness (dissertation §4.2.3): whoever heard a leader within the shortest election timeout
 *  ignores candidates, so that a replica that cannot hear the leader does not unseat it. */
function hearsLeader(state: CoreState): boolean {
  const { checkQuorum, electionTicksMin } = state.limits
  return checkQuorum && state.leader !== noReplica && state.electionElapsedTicks < electionTicksMin
}
