import { invariant } from '../base/invariant.js'
import { handleAppendEntriesResponse } from './append-entries-response.js'
import { followAppendEntries, handleAppendEntries } from './append-entries.js'
import { followHeartbeat, handleHeartbeat, handleHeartbeatResponse } from './heartbeat.js'
import { followInstallSnapshot, handleInstallSnapshot } from './install-snapshot.js'
import type { Message, MessageKind } from './messages.js'
import { handleReadIndex, handleReadIndexResponse } from './read-index.js'
import type { Role } from './ready.js'
import {
  handlePreVoteResponse,
  handleRequestVoteResponse,
  learnCommit,
} from './request-vote-response.js'
import { handlePreVote, handleRequestVote } from './request-vote.js'
import type { CoreState } from './state.js'
import { handleTimeoutNow } from './transfer.js'

type Handler<Kind extends MessageKind> = (
  state: CoreState,
  message: Extract<Message, { kind: Kind }>,
) => void
type Handlers = { readonly [Kind in MessageKind]: Handler<Kind> }

/** The message comes too late, or from a duplicate: it says nothing about this role. */
export const ignore = (): void => undefined

/** Two leaders in one term: votes were counted twice, or two processes run under one id. */
function refuseSecondLeader(state: CoreState, { from, term }: Message): void {
  invariant(from === state.id, 'R2', { term, leader: state.id, secondLeader: from })
}

/** What every role does with every message of its own term. Total: a new role or message does not compile
 *  until each of its cells is decided. */
export const transitions: Readonly<Record<Role, Handlers>> = {
  follower: {
    'pre-vote': handlePreVote,
    'pre-vote-response': learnCommit,
    'request-vote': handleRequestVote,
    'request-vote-response': learnCommit,
    'append-entries': handleAppendEntries,
    'append-entries-response': ignore,
    heartbeat: handleHeartbeat,
    'heartbeat-response': ignore,
    'install-snapshot': handleInstallSnapshot,
    'timeout-now': handleTimeoutNow,
    'read-index': ignore,
    'read-index-response': handleReadIndexResponse,
  },
  'pre-candidate': {
    'pre-vote': handlePreVote,
    'pre-vote-response': handlePreVoteResponse,
    'request-vote': handleRequestVote,
    'request-vote-response': learnCommit,
    'append-entries': followAppendEntries,
    'append-entries-response': ignore,
    heartbeat: followHeartbeat,
    'heartbeat-response': ignore,
    'install-snapshot': followInstallSnapshot,
    'timeout-now': ignore,
    'read-index': ignore,
    'read-index-response': handleReadIndexResponse,
  },
  candidate: {
    'pre-vote': handlePreVote,
    'pre-vote-response': learnCommit,
    'request-vote': handleRequestVote,
    'request-vote-response': handleRequestVoteResponse,
    'append-entries': followAppendEntries,
    'append-entries-response': ignore,
    heartbeat: followHeartbeat,
    'heartbeat-response': ignore,
    'install-snapshot': followInstallSnapshot,
    'timeout-now': ignore,
    'read-index': ignore,
    'read-index-response': handleReadIndexResponse,
  },
  leader: {
    'pre-vote': handlePreVote,
    'pre-vote-response': ignore,
    'request-vote': handleRequestVote,
    'request-vote-response': ignore,
    'append-entries': refuseSecondLeader,
    'append-entries-response': handleAppendEntriesResponse,
    heartbeat: refuseSecondLeader,
    'heartbeat-response': handleHeartbeatResponse,
    'install-snapshot': refuseSecondLeader,
    'timeout-now': ignore,
    'read-index': handleReadIndex,
    'read-index-response': ignore,
  },
}

/** Hands a message to the handler of the current role. */
export function dispatch(state: CoreState, message: Message): void {
  // The table pairs each kind with a handler of that kind, which the type of a lookup cannot express.
  const handler = transitions[state.role][message.kind] as (s: CoreState, m: Message) => void
  handler(state, message)
}
