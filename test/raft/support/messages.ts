import { asIndex, asReplica, asTerm } from '../../../src/base/ids.js'
import type { EntryRange, EntryRun } from '../../../src/raft/entry-range.js'
import type { MembershipConfiguration } from '../../../src/raft/membership.js'
import type {
  AppendEntries,
  AppendEntriesResponse,
  Heartbeat,
  HeartbeatResponse,
  InstallSnapshot,
  Message,
  MessageKind,
  PreVote,
  PreVoteResponse,
  ReadIndexRequest,
  ReadIndexResponse,
  RequestVote,
  RequestVoteResponse,
  TimeoutNow,
} from '../../../src/raft/messages.js'

interface Ends {
  readonly from?: number
  readonly to?: number
  readonly term: number
}

/** From replica 2 to replica 1 unless said otherwise. */
const ends = ({ from = 2, to = 1, term }: Ends) => ({
  from: asReplica(from),
  to: asReplica(to),
  term: asTerm(term),
})

/** Entries of the given terms from `firstIndex` on, each with the content that its term and index imply. */
export function range(
  firstIndex: number,
  terms: readonly number[],
  kind: EntryRun['kind'] = 0,
): EntryRange {
  const runs: EntryRun[] = []
  for (const term of terms) {
    const last = runs.at(-1)
    if (last?.term === asTerm(term)) runs[runs.length - 1] = { ...last, count: last.count + 1 }
    else runs.push({ term: asTerm(term), kind, count: 1 })
  }
  return {
    firstIndex: asIndex(firstIndex),
    lastIndex: asIndex(firstIndex + terms.length - 1),
    runs,
    byteLengths: Uint32Array.from(terms, (term, at) => 33 + ((term * 31 + firstIndex + at) % 64)),
  }
}

/** An append after (prevIndex, prevTerm) with entries of the given terms. */
export function append(
  given: Ends & {
    readonly prevIndex?: number
    readonly prevTerm?: number
    readonly commitIndex?: number
    readonly terms?: readonly number[]
    readonly kind?: EntryRun['kind']
  },
): AppendEntries {
  const { prevIndex = 0, prevTerm = 0, commitIndex = 0, terms = [], kind } = given
  return {
    kind: 'append-entries',
    ...ends(given),
    prevIndex: asIndex(prevIndex),
    prevTerm: asTerm(prevTerm),
    commitIndex: asIndex(commitIndex),
    entries: terms.length > 0 ? range(prevIndex + 1, terms, kind) : null,
  }
}

export function appendResponse(
  given: Ends & {
    readonly index: number
    readonly rejected?: boolean
    readonly hint?: readonly [index: number, term: number]
  },
): AppendEntriesResponse {
  const [rejectHintIndex, rejectHintTerm] = given.hint ?? [0, 0]
  return {
    kind: 'append-entries-response',
    ...ends(given),
    index: asIndex(given.index),
    rejected: given.rejected ?? false,
    rejectHintIndex: asIndex(rejectHintIndex),
    rejectHintTerm: asTerm(rejectHintTerm),
  }
}

interface Candidate extends Ends {
  readonly lastIndex?: number
  readonly lastTerm?: number
}

const candidateLog = ({ lastIndex = 0, lastTerm = 0 }: Candidate) => ({
  lastIndex: asIndex(lastIndex),
  lastTerm: asTerm(lastTerm),
})

export const requestVote = (given: Candidate): RequestVote => ({
  kind: 'request-vote',
  ...ends(given),
  ...candidateLog(given),
})

export const preVote = (given: Candidate): PreVote => ({
  kind: 'pre-vote',
  ...ends(given),
  ...candidateLog(given),
})

interface Vote extends Ends {
  readonly rejected?: boolean
  /** What a voter that refuses knows to be committed. */
  readonly commit?: readonly [index: number, term: number]
}

const verdict = ({ rejected = false, commit = [0, 0] }: Vote) => ({
  rejected,
  commitIndex: asIndex(commit[0]),
  commitTerm: asTerm(commit[1]),
})

export const voteResponse = (given: Vote): RequestVoteResponse => ({
  kind: 'request-vote-response',
  ...ends(given),
  ...verdict(given),
})

export const preVoteResponse = (given: Vote): PreVoteResponse => ({
  kind: 'pre-vote-response',
  ...ends(given),
  ...verdict(given),
})

export const heartbeat = (given: Ends & { commitIndex?: number; context?: number }): Heartbeat => ({
  kind: 'heartbeat',
  ...ends(given),
  commitIndex: asIndex(given.commitIndex ?? 0),
  context: given.context ?? 0,
  sentTicks: 0,
})

export const heartbeatResponse = (
  given: Ends & { context?: number; sentTicks?: number },
): HeartbeatResponse => ({
  kind: 'heartbeat-response',
  ...ends(given),
  context: given.context ?? 0,
  sentTicks: given.sentTicks ?? 0,
})

/** A snapshot that ends at (index, snapshotTerm); its voters are 1, 2 and 3 unless said otherwise. */
export function installSnapshot(
  given: Ends & {
    readonly index: number
    readonly snapshotTerm: number
    readonly configuration?: MembershipConfiguration
  },
): InstallSnapshot {
  const { index, snapshotTerm } = given
  const configuration = given.configuration ?? votersOnly(1, 2, 3)
  const snapshot = { index: asIndex(index), term: asTerm(snapshotTerm), configuration }
  return { kind: 'install-snapshot', ...ends(given), snapshot }
}

export const timeoutNow = (given: Ends): TimeoutNow => ({ kind: 'timeout-now', ...ends(given) })

export const readIndexRequest = (given: Ends & { readonly context: number }): ReadIndexRequest => ({
  kind: 'read-index',
  ...ends(given),
  context: given.context,
})

export const readIndexResponse = (
  given: Ends & { readonly context: number; readonly index: number },
): ReadIndexResponse => ({
  kind: 'read-index-response',
  ...ends(given),
  context: given.context,
  index: asIndex(given.index),
})

/** A configuration that is not joint and has no learners. */
export const votersOnly = (...ids: number[]): MembershipConfiguration => ({
  incoming: ids.map(asReplica),
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
})

/** One plain message of every kind, from replica 2 to replica 1. */
export const anyMessage: { readonly [Kind in MessageKind]: (term: number) => Message } = {
  'pre-vote': (term) => preVote({ term }),
  'pre-vote-response': (term) => preVoteResponse({ term, rejected: true }),
  'request-vote': (term) => requestVote({ term }),
  'request-vote-response': (term) => voteResponse({ term }),
  'append-entries': (term) => append({ term }),
  'append-entries-response': (term) => appendResponse({ term, index: 0 }),
  heartbeat: (term) => heartbeat({ term }),
  'heartbeat-response': (term) => heartbeatResponse({ term }),
  'install-snapshot': (term) => installSnapshot({ term, index: 1, snapshotTerm: 1 }),
  'timeout-now': (term) => timeoutNow({ term }),
  'read-index': (term) => readIndexRequest({ term, context: 1 }),
  'read-index-response': (term) => readIndexResponse({ term, context: 1, index: 1 }),
}
