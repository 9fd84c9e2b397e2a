import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import type { EntryKind, EntryRange } from '../raft/entry-range.js'
import { joinBatches, sliceBatch, sliceRuns } from '../wal/frames.js'
import type { FrameBatch, ReplicaLog } from '../wal/replica-log.js'

const noPayload = [new Uint8Array(0)]

/** The frames of one turn, between the moment they are made or received and the Ready that says which of them to
 *  persist. The core decides by (index, term) and never sees bytes; here the bytes find back to its decision. */
export class FrameStage {
  readonly #log: ReplicaLog
  #batches: FrameBatch[] = []

  constructor(log: ReplicaLog) {
    this.#log = log
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0
  }

  /** Whether a batch may be added; otherwise take the core's Ready first, which empties the stage. */
  accepts(firstIndex: LogIndex): boolean {
    return firstIndex > (this.#batches.at(-1)?.range.lastIndex ?? 0)
  }

  /** Adds frames behind the staged ones; gaps are allowed, overlaps are not. */
  add(batch: FrameBatch): void {
    invariant(this.accepts(batch.range.firstIndex), 'P4', { firstIndex: batch.range.firstIndex })
    this.#batches.push(batch)
  }

  /** Forgets what the core did not want. */
  clear(): void {
    if (this.#batches.length > 0) this.#batches = []
  }

  /** The frames of the entries that a Ready wants persisted, and empties the stage.
   *  Staged frames that the core did not accept are left out: (index, term) tells them from the accepted ones (Raft
   *  §5.3, Log Matching). Only the empty entries that a core makes by itself can be missing from the stage, a new leader's
   *  and the one that leaves a joint configuration: they are framed here. */
  take(range: EntryRange | undefined): FrameBatch | undefined {
    const staged = this.#batches
    this.#batches = []
    if (range === undefined) return undefined
    const parts: FrameBatch[] = []
    let next = range.firstIndex
    for (const batch of staged) {
      const { firstIndex, lastIndex } = batch.range
      if (lastIndex < next || firstIndex > range.lastIndex) continue
      while (next < firstIndex) next = this.#addEmptyEntry(parts, range, next)
      const count = commonCount(batch.range, range, next)
      if (count === 0) continue
      parts.push(sliceBatch(batch, next, count))
      next = asIndex(next + count)
    }
    while (next <= range.lastIndex) next = this.#addEmptyEntry(parts, range, next)
    return joinBatches(parts)
  }

  #addEmptyEntry(parts: FrameBatch[], range: EntryRange, index: LogIndex): LogIndex {
    const [run] = sliceRuns(range.runs, index - range.firstIndex, 1)
    invariant(run !== undefined && isMadeByCore(run.kind), 'P4', { index, kind: run?.kind })
    const frames = this.#log.encode(run.term, index, run.kind, noPayload)
    const byteLength = range.byteLengths[index - range.firstIndex]
    // A membership entry with a payload is a proposal, and its frames were staged.
    invariant(byteLength === frames.bytes.length, 'P4', { index, kind: run.kind, byteLength })
    parts.push(frames)
    return asIndex(index + 1)
  }
}

const isMadeByCore = (kind: EntryKind): boolean =>
  kind === entryKinds.noop || kind === entryKinds.membership

/** How many entries from `index` on are the same in both ranges. */
function commonCount(staged: EntryRange, wanted: EntryRange, index: LogIndex): number {
  const countMax = Math.min(staged.lastIndex, wanted.lastIndex) - index + 1
  const ours = sliceRuns(staged.runs, index - staged.firstIndex, countMax)
  const theirs = sliceRuns(wanted.runs, index - wanted.firstIndex, countMax)
  let count = 0
  for (const [at, run] of ours.entries()) {
    const other = theirs[at]
    if (run.term !== other?.term || run.kind !== other.kind) return count
    count += Math.min(run.count, other.count)
    if (run.count !== other.count) return count
  }
  return count
}
