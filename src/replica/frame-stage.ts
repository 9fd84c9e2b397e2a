import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import type { EntryRange } from '../raft/entry-range.js'
import { joinBatches, joinRuns, sliceBatch, sliceRuns } from '../wal/frames.js'
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

  /** The frames of the entries that a Ready wants persisted, and empties the stage.
   *  Staged frames that the core did not accept are left out. Only a new leader's empty entry can be missing from the
   *  stage (the core makes it): it is framed here. */
  take(range: EntryRange | undefined): FrameBatch | undefined {
    const staged = this.#batches
    this.#batches = []
    if (range === undefined) return undefined
    const parts: FrameBatch[] = []
    let next = range.firstIndex
    for (const batch of staged) {
      if (batch.range.lastIndex < next) continue
      const { firstIndex } = batch.range
      if (firstIndex > range.lastIndex) break
      while (next < firstIndex) next = this.#addEmptyEntry(parts, range, next)
      const end = Math.min(batch.range.lastIndex, range.lastIndex)
      parts.push(sliceBatch(batch, next, end - next + 1))
      next = asIndex(end + 1)
    }
    while (next <= range.lastIndex) next = this.#addEmptyEntry(parts, range, next)
    const frames = joinBatches(parts)
    assertSameEntries(frames.range, range)
    return frames
  }

  #addEmptyEntry(parts: FrameBatch[], range: EntryRange, index: LogIndex): LogIndex {
    const [run] = sliceRuns(range.runs, index - range.firstIndex, 1)
    invariant(run?.kind === entryKinds.noop, 'P4', { index, kind: run?.kind })
    parts.push(this.#log.encode(run.term, index, run.kind, noPayload))
    return asIndex(index + 1)
  }
}

// (index, term) names an entry (Raft §5.3, Log Matching): equal runs mean that these are the accepted bytes.
function assertSameEntries(frames: EntryRange, wanted: EntryRange): void {
  const [framed, expected] = [joinRuns(frames.runs), joinRuns(wanted.runs)]
  const same =
    frames.firstIndex === wanted.firstIndex &&
    framed.length === expected.length &&
    framed.every((run, position) => {
      const other = expected[position]
      return run.term === other?.term && run.kind === other.kind && run.count === other.count
    })
  invariant(same, 'P4', { framed, expected })
}
