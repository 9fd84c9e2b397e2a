import { entryKinds, type EntryKind, type EntryRange } from '../../src/raft/entry-range.js'
import type { Message, MessageKind } from '../../src/raft/messages.js'
import type {
  HardState,
  ProgressState,
  ProgressStatus,
  Ready,
  Role,
  SnapshotDescription,
  SoftState,
} from '../../src/raft/ready.js'
import { describeChange, type Payloads } from './payloads.js'

/** One entry with its payload, as the harness keeps it. */
export interface ScriptEntry {
  readonly index: number
  readonly term: number
  readonly kind: EntryKind
  /** The name of its kind and its content, as the scripts show them. */
  readonly text: string
}

/** The names that the scripts have for messages. */
export const messageNames: Readonly<Record<MessageKind, string>> = {
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
  'read-index': 'MsgReadIndex',
  'read-index-response': 'MsgReadIndexResp',
}

const progressNames: Readonly<Record<ProgressState, string>> = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
}

/** The names that the scripts have for roles. */
export const roleNames: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
}

/** The entries of a range, one by one. */
export function listEntries(range: EntryRange, payloads: Payloads): ScriptEntry[] {
  const entries: ScriptEntry[] = []
  let index: number = range.firstIndex
  for (const { term, kind, count } of range.runs) {
    for (let i = 0; i < count; i++, index++) {
      const isChange = kind === entryKinds.membership
      const text = isChange
        ? describeChange(payloads.changeAt(term, index))
        : `EntryNormal ${JSON.stringify(payloads.dataAt(term, index))}`
      entries.push({ index, term, kind, text })
    }
  }
  return entries
}

export const describeEntry = ({ index, term, text }: ScriptEntry): string =>
  `${term}/${index} ${text}`

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
    readonly mustSync: boolean
  },
): string {
  const lines = [
    ...(ready.softState ? [describeSoftState(ready.softState)] : []),
    ...(ready.hardState ? [describeHardState(ready.hardState)] : []),
    ...titled('Entries:', parts.entries.map(describeEntry)),
    ...(ready.snapshot ? [`Snapshot ${describeSnapshot(ready.snapshot)}`] : []),
    ...titled('CommittedEntries:', parts.committed.map(describeEntry)),
    ...titled('Messages:', parts.messages),
  ]
  if (lines.length === 0) return '<empty Ready>'
  return [`Ready MustSync=${parts.mustSync}:`, ...lines].join('\n')
}

export function describeMessage(message: Message, payloads: Payloads): string {
  const { from, to, term, kind } = message
  const head = `${from}->${to} ${messageNames[kind]} Term:${term} Log:${logPart(message)}`
  return (
    head +
    rejectedPart(message) +
    commitPart(message) +
    entriesPart(message, payloads) +
    snapshotPart(message)
  )
}

export function describeSnapshot({ index, term, configuration }: SnapshotDescription): string {
  const { incoming, outgoing, learners, learnersNext, autoLeave } = configuration
  const lists = [
    `Voters:[${incoming.join(' ')}]`,
    `VotersOutgoing:[${outgoing.join(' ')}]`,
    `Learners:[${learners.join(' ')}]`,
    `LearnersNext:[${learnersNext.join(' ')}]`,
  ]
  return `Index:${index} Term:${term} ConfState:${lists.join(' ')} AutoLeave:${autoLeave}`
}

const snapshotPart = (message: Message): string =>
  message.kind === 'install-snapshot' ? `\n  Snapshot: ${describeSnapshot(message.snapshot)}` : ''

/** One line per replica of a leader's status. */
export const describeProgress = (progress: ProgressStatus, inflightMessagesMax: number): string =>
  `${progress.id}: ${describeFlow(progress, inflightMessagesMax)}`

/** How a leader sends to one replica. */
export function describeFlow(progress: ProgressStatus, inflightMessagesMax: number): string {
  const { state, matchIndex, nextIndex, inflightMessages, pendingSnapshotIndex } = progress
  const full = inflightMessages >= inflightMessagesMax ? '[full]' : ''
  return [
    `${progressNames[state]} match=${matchIndex} next=${nextIndex}`,
    ...(progress.learner ? ['learner'] : []),
    ...(progress.paused ? ['paused'] : []),
    ...(pendingSnapshotIndex > 0 ? [`pendingSnap=${pendingSnapshotIndex}`] : []),
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

/** A refused vote carries a commit index too, which the scripts' own core does not send. */
const commitPart = (message: Message): string =>
  'commitIndex' in message && message.commitIndex > 0 && !('rejected' in message)
    ? ` Commit:${message.commitIndex}`
    : ''

function entriesPart(message: Message, payloads: Payloads): string {
  if (message.kind !== 'append-entries' || message.entries === null) return ''
  return describeEntries(listEntries(message.entries, payloads))
}
