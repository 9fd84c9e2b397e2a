import { asIndex, asTerm, noReplica, type LogIndex, type Term } from '../../src/base/ids.js'
import { invariant } from '../../src/base/invariant.js'
import type { HardState } from '../../src/raft/ready.js'
import { sliceBatch } from '../../src/wal/frames.js'
import type { FrameBatch, LogWrite } from '../../src/wal/replica-log.js'

/** What a log holds. */
export interface LogContents {
  hardState: HardState
  /** Entries below it were compacted away. */
  firstIndex: LogIndex
  prevTerm: Term
  /** One batch per entry, so that truncation is easy. */
  entries: FrameBatch[]
}

export const emptyContents = (): LogContents => ({
  hardState: { term: asTerm(0), vote: noReplica, commitIndex: asIndex(0) },
  firstIndex: asIndex(1),
  prevTerm: asTerm(0),
  entries: [],
})

export const copyOf = (contents: LogContents): LogContents => ({
  ...contents,
  entries: [...contents.entries],
})

export const lastIndexOf = (contents: LogContents): LogIndex =>
  asIndex(contents.firstIndex + contents.entries.length - 1)

export function applyWrite(
  contents: LogContents,
  { hardState, truncateFrom, frames }: LogWrite,
): void {
  if (hardState !== undefined) contents.hardState = hardState
  if (truncateFrom !== undefined) {
    invariant(truncateFrom >= contents.firstIndex, 'W3', { truncateFrom })
    contents.entries.length = Math.min(contents.entries.length, truncateFrom - contents.firstIndex)
  }
  if (frames !== undefined) {
    const { firstIndex } = frames.range
    invariant(firstIndex === lastIndexOf(contents) + 1, 'W3', { firstIndex })
    contents.entries.push(...entriesOf(frames))
  }
  // A log in which committed entries are missing is none that a replica starts on.
  const { commitIndex } = contents.hardState
  invariant(commitIndex <= lastIndexOf(contents), 'R3', { commitIndex })
}

/** One batch for each entry. */
export function entriesOf(frames: FrameBatch): FrameBatch[] {
  const { firstIndex, lastIndex } = frames.range
  const entries: FrameBatch[] = []
  for (let index = firstIndex; index <= lastIndex; index++) {
    entries.push(sliceBatch(frames, asIndex(index), 1))
  }
  return entries
}
