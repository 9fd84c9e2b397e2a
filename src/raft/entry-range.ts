import type { LogIndex, Term } from '../base/ids.js'

/** What an entry is for; the numbers are those of the frame on disk and on the wire. */
export const entryKinds = {
  /** A command of the user. */
  normal: 0,
  /** A membership change. */
  membership: 1,
  /** The empty entry that a new leader appends. */
  noop: 0x10,
  /** Opening or closing a client session. */
  session: 0x11,
} as const

/** One of the values of `entryKinds`. */
export type EntryKind = (typeof entryKinds)[keyof typeof entryKinds]

/** Neighbouring entries of one term and one kind. */
export interface EntryRun {
  readonly term: Term
  readonly kind: EntryKind
  /** Entries in the run, at least 1. */
  readonly count: number
}

/** Contiguous entries without their payloads, as columns instead of objects. Never empty.
 *  The payloads travel beside it as the log's frame bytes, in the same order. */
export interface EntryRange {
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  /** (term, kind) run-length encoded; terms never fall; counts add up to the number of entries. */
  readonly runs: readonly EntryRun[]
  /** Whole frame bytes of each entry; length = lastIndex - firstIndex + 1. */
  readonly byteLengths: Uint32Array
}

/** The part of a range from `firstIndex` on, which must lie in the range. Shares the columns. */
export function rangeFrom(range: EntryRange, firstIndex: LogIndex): EntryRange {
  const skipped = firstIndex - range.firstIndex
  if (skipped <= 0) return range
  const runs: EntryRun[] = []
  let end = 0
  for (const run of range.runs) {
    end += run.count
    const count = Math.min(run.count, end - skipped)
    if (count > 0) runs.push({ ...run, count })
  }
  return { ...range, firstIndex, runs, byteLengths: range.byteLengths.subarray(skipped) }
}
