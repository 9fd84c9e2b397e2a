import type { LogIndex, ReplicaId } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { Message } from '../../src/raft/messages.js'
import type { Ready } from '../../src/raft/ready.js'
import { describeEntries, describeMessage, describeSnapshot, type ScriptEntry } from './describe.js'
import type { Payloads } from './payloads.js'
import type { ScriptCore } from './script-core.js'

/** Something on its way to a node: a message, or what a storage thread answers. */
export interface Parcel {
  readonly to: number
  readonly text: string
  readonly arrive: (core: ScriptCore) => void
  /** Present for an answer of another replica: a node that does not know that replica refuses it. */
  readonly answerOf?: ReplicaId
  /** Never leaves the node, so it cannot be lost on the way. */
  readonly local?: boolean
}

/** One piece of work of a storage thread. */
export interface StorageWork {
  readonly text: string
  readonly responses: readonly Parcel[]
  readonly perform: () => void
}

/** A Ready as a node with asynchronous storage shows it: with the work that it gives to its threads. */
export interface AsyncReady {
  readonly ready: Ready
  readonly entries: readonly ScriptEntry[]
  readonly committed: readonly ScriptEntry[]
  /** What this node, as leader, has proposed since the last Ready. */
  readonly ownBatches: readonly OwnBatch[]
}

/** A batch of entries that a leader of `term` has proposed. */
export interface OwnBatch {
  readonly term: number
  readonly lastIndex: number
}

export const parcelOf = (message: Message, payloads: Payloads): Parcel => ({
  to: message.to,
  text: describeMessage(message, payloads),
  arrive: (core) => {
    core.step(message)
  },
  local: message.from === message.to,
  ...(message.kind.endsWith('-response') && { answerOf: message.from }),
})

/** The work together with its answers, as a Ready lists it. */
export const describeWork = ({ text, responses }: StorageWork): string =>
  responses.length === 0
    ? text
    : `${text} Responses:[\n${responses.map((parcel) => `  ${parcel.text}\n`).join('')}]`

/** What the append thread gets from a Ready; undefined when there is nothing to persist or to hold back. */
export function appendWork(
  core: ScriptCore,
  given: AsyncReady,
  store: () => void,
  payloads: Payloads,
): StorageWork | undefined {
  const { ready, entries } = given
  const { hardState, snapshot, messagesAfterPersist } = ready
  const persists = hardState !== undefined || snapshot !== undefined || entries.length > 0
  if (!persists && messagesAfterPersist.length === 0) return undefined
  const { id, role } = core.status()
  const answers = messagesAfterPersist.map((message) => parcelOf(message, payloads))
  const own = ownAcknowledgements(core, given)
  const vote = hardState && hardState.vote > 0 ? ` Vote:${hardState.vote}` : ''
  const state = hardState ? `${hardState.term} Log:0/0 Commit:${hardState.commitIndex}${vote}` : ''
  return {
    text: `${id}->AppendThread MsgStorageAppend Term:${state || '0 Log:0/0'}${describeEntries(entries)}${
      snapshot ? `\n  Snapshot: ${describeSnapshot(snapshot)}` : ''
    }`,
    responses: [
      // What it proposed before it was deposed comes before what it has answered since.
      ...(role === 'leader' ? [...answers, ...own] : [...own, ...answers]),
      ...durabilityReport(core, ready),
    ],
    perform: store,
  }
}

/** What the apply thread gets: the committed entries, which it reports back as applied.
 *  @param apply brings the changes among them into force, when the thread works on them. */
export function applyWork(
  id: number,
  { ready, committed }: AsyncReady,
  ports: { readonly apply: () => void; readonly applied: (index: LogIndex) => void },
): StorageWork | undefined {
  const { committed: range } = ready
  if (range === undefined) return undefined
  const tail = `Term:0 Log:0/0${describeEntries(committed)}`
  const text = `ApplyThread->${id} MsgStorageApplyResp ${tail}`
  const arrive = (): void => {
    ports.applied(range.lastIndex)
  }
  return {
    text: `${id}->ApplyThread MsgStorageApply ${tail}`,
    responses: [{ to: id, text, arrive, local: true }],
    perform: ports.apply,
  }
}

/** A leader acknowledges its own batches to itself; the empty entry of its term is the first. */
function ownAcknowledgements(
  core: ScriptCore,
  { ready, entries, ownBatches }: AsyncReady,
): Parcel[] {
  const { term, role } = core.status()
  const noops =
    role === 'leader'
      ? entries.filter((entry) => entry.kind === entryKinds.noop && entry.term === term)
      : []
  const batches = [...noops.map(({ index }) => ({ term, lastIndex: index })), ...ownBatches]
  return batches.map((batch) => ownAcknowledgement(core.status().id, batch, ready))
}

const ownAcknowledgement = (id: number, { term, lastIndex }: OwnBatch, ready: Ready): Parcel => ({
  to: id,
  text: `${id}->${id} MsgAppResp Term:${term} Log:0/${lastIndex}`,
  arrive: (core) => {
    if (core.noteOwnStored(term)) acknowledgeWith(ready)(core)
  },
  local: true,
})

/** While entries are not known to be durable, every write vouches for the last of them. */
function durabilityReport(core: ScriptCore, ready: Ready): Parcel[] {
  const { id, term, durableIndex, lastIndex, lastTerm } = core.status()
  if (durableIndex === lastIndex) return []
  const text = `AppendThread->${id} MsgStorageAppendResp Term:${term} Log:${lastTerm}/${lastIndex}`
  const acknowledge = acknowledgeWith(ready)
  const arrive = (receiver: ScriptCore): void => {
    receiver.noteStored(term, [lastTerm, lastIndex])
    acknowledge(receiver)
  }
  return [{ to: id, text, arrive, local: true }]
}

const acknowledgeWith =
  ({ acknowledgement }: Ready) =>
  (core: ScriptCore): void => {
    // The scripts' own core ignores answers of earlier terms and waits for a later write to vouch for the entries.
    if (acknowledgement === undefined || acknowledgement.term < core.status().term) return
    core.acknowledge(acknowledgement)
  }
