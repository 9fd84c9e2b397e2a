import { entryKinds, type EntryKind, type EntryRange } from '../../src/raft/entry-range.js'
import type { Message, MessageKind } from '../../src/raft/messages.js'
import type { HardState, ProgressStatus, Ready, Role, SoftState } from '../../src/raft/ready.js'

/** One entry with its payload, as the harness keeps it. */
export interface ScriptEntry {
  readonly index: number
  readonly term: number
  readonly kind: EntryKind
  readonly data: string
}

/** Finds the payload of an entry, which the core never sees. */
export type PayloadLookup = (term: number, index: number) => string

const messageNames: Readonly<Record<MessageKind, string>> = {
  'pre-vote': 'MsgPreVote',
  'pre-vote-response': 'MsgPreVoteResp',
  'request-vote': 'MsgVote',
  'request-vote-response': 'MsgVoteResp',
  'append-entries': 'MsgApp',
  'append-entries-response': 'MsgAppResp',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-response': 'MsgHeartbeatResp',
  'install-snapshot': 'MsgSnap',
  'timeout-now': 'MsgTimeoutNow',
}

/** The names that the scripts have for roles. */
export const roleNames: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
}

/** The entries of a range, one by one. */
export function listEntries(range: EntryRange, payloadOf: PayloadLookup): ScriptEntry[] {
  const entries: ScriptEntry[] = []
  let index: number = range.firstIndex
  for (const { term, kind, count } of range.runs) {
    for (let i = 0; i < count; i++, index++) {
      entries.push({ index, term, kind, data: payloadOf(term, index) })
    }
  }
  return entries
}

export function describeEntry({ index, term, kind, data }: ScriptEntry): string {
  const name = kind === entryKinds.membership ? 'EntryConfChangeV2' : 'EntryNormal'
  return `${term}/${index} ${name} ${JSON.stringify(data)}`
}

/** Entries as a message shows them: one beside it, more below it, nothing when there are none. */
export function describeEntries(entries: readonly ScriptEntry[]): string {
  if (entries.length === 0) return ''
  const lines = entries.map(describeEntry)
  if (lines.length === 1) return ` Entries:[${lines[0] ?? ''}]`
  return ` Entries:[\n${lines.map((line) => `  ${line}\n`).join('')}]`
}

/** What a Ready shows, in the order in which the scripts show it. */
export function describeReady(
  ready: Ready,
  parts: {
    readonly entries: readonly ScriptEntry[]
    readonly committed: readonly ScriptEntry[]
    readonly messages: readonly string[]
  },
): string {
  const lines = [
    ...(ready.softState ? [describeSoftState(ready.softState)] : []),
    ...(ready.hardState ? [describeHardState(ready.hardState)] : []),
    ...titled('Entries:', parts.entries.map(describeEntry)),
    ...titled('CommittedEntries:', parts.committed.map(describeEntry)),
    ...titled('Messages:', parts.messages),
  ]
  if (lines.length === 0) return '<empty Ready>'
  return [`Ready MustSync=${ready.mustSync}:`, ...lines].join('\n')
}

export function describeMessage(message: Message, payloadOf: PayloadLookup): string {
  const { from, to, term, kind } = message
  const head = `${from}->${to} ${messageNames[kind]} Term:${term} Log:${logPart(message)}`
  return head + rejectedPart(message) + commitPart(message) + entriesPart(message, payloadOf)
}

/** One line per replica of a leader's status. */
export function describeProgress(progress: ProgressStatus, inflightMessagesMax: number): string {
  const { id, state, matchIndex, nextIndex, inflightMessages } = progress
  const name = state === 'probe' ? 'StateProbe' : 'StateReplicate'
  const full = inflightMessages >= inflightMessagesMax ? '[full]' : ''
  return [
    `${id}: ${name} match=${matchIndex} next=${nextIndex}`,
    ...(progress.paused ? ['paused'] : []),
    ...(progress.recentActive ? [] : ['inactive']),
    ...(inflightMessages > 0 ? [`inflight=${inflightMessages}${full}`] : []),
  ].join(' ')
}

const describeSoftState = ({ leader, role }: SoftState): string =>
  `Lead:${leader} State:${roleNames[role]}`

const describeHardState = ({ term, vote, commitIndex }: HardState): string =>
  `HardState Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commitIndex}`

const titled = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [title, ...lines]

function logPart(message: Message): string {
  switch (message.kind) {
    case 'pre-vote':
    case 'request-vote':
      return `${message.lastTerm}/${message.lastIndex}`
    case 'append-entries':
      return `${message.prevTerm}/${message.prevIndex}`
    case 'append-entries-response':
      return `${message.rejectHintTerm}/${message.index}`
    default:
      return '0/0'
  }
}

function rejectedPart(message: Message): string {
  if (!('rejected' in message) || !message.rejected) return ''
  return ` Rejected (Hint: ${'rejectHintIndex' in message ? message.rejectHintIndex : 0})`
}

const commitPart = (message: Message): string =>
  'commitIndex' in message && message.commitIndex > 0 ? ` Commit:${message.commitIndex}` : ''

function entriesPart(message: Message, payloadOf: PayloadLookup): string {
  if (message.kind !== 'append-entries' || message.entries === null) return ''
  return describeEntries(listEntries(message.entries, payloadOf))
}
