import { invariant } from '../base/invariant.js'
import type { LogIndex } from '../base/ids.js'
import type { EntryRange, EntryRun } from '../raft/entry-range.js'
import type { FrameBatch } from './replica-log.js'

/** Frame header (12 bytes), then term u64, index u64, kind u8: what stands before a payload (docs/wal-format.md). */
export const framePrefixBytes = 29
/** The CRC32C behind a payload. */
export const frameTrailerBytes = 4
/** What a frame adds to its payload. */
export const frameOverheadBytes = framePrefixBytes + frameTrailerBytes

/** How many entries a range holds. */
export const entryCount = (range: EntryRange): number => range.byteLengths.length

/** Finds payloads in batches; remembers where it stopped, so that walking forwards is O(1) per entry. */
export class PayloadCursor {
  #batch: FrameBatch | null = null
  #position = 0
  #offset = 0

  /** A view of the payload of the position-th entry of a batch. */
  payload(batch: FrameBatch, position: number): Uint8Array {
    const { byteLengths } = batch.range
    invariant(position >= 0 && position < byteLengths.length, 'W1', { position })
    if (batch !== this.#batch || position < this.#position) {
      this.#batch = batch
      this.#position = 0
      this.#offset = 0
    }
    while (this.#position < position) this.#offset += byteLengths[this.#position++] ?? 0
    const end = this.#offset + (byteLengths[position] ?? 0) - frameTrailerBytes
    return batch.bytes.subarray(this.#offset + framePrefixBytes, end)
  }
}

/** How many entries from `position` on fit into `bytesMax`, at most `countMax`, at least one. */
export function countWithin(
  byteLengths: Uint32Array,
  position: number,
  countMax: number,
  bytesMax: number,
): { readonly count: number; readonly bytes: number } {
  let count = 0
  let bytes = 0
  while (count < countMax) {
    const next = byteLengths[position + count]
    if (next === undefined || (count > 0 && bytes + next > bytesMax)) break
    bytes += next
    count += 1
  }
  return { count, bytes }
}

/** The part of a batch that starts at an index: `count` entries as views over the same bytes. */
export function sliceBatch(batch: FrameBatch, firstIndex: LogIndex, count: number): FrameBatch {
  const { range } = batch
  const position = firstIndex - range.firstIndex
  if (position === 0 && count === range.byteLengths.length) return batch
  invariant(position >= 0 && position + count <= range.byteLengths.length, 'W1', {
    firstIndex,
    count,
  })
  const byteLengths = range.byteLengths.subarray(position, position + count)
  const start = sum(range.byteLengths.subarray(0, position))
  const lastIndex = (firstIndex + count - 1) as LogIndex
  return {
    range: { firstIndex, lastIndex, runs: sliceRuns(range.runs, position, count), byteLengths },
    bytes: batch.bytes.subarray(start, start + sum(byteLengths)),
  }
}

/** Neighbouring batches as one; copies unless there is only one. */
export function joinBatches(batches: readonly FrameBatch[]): FrameBatch {
  const first = batches[0]
  const last = batches.at(-1)
  invariant(first !== undefined && last !== undefined, 'W1', { batches: batches.length })
  if (first === last) return first
  const byteLengths = new Uint32Array(last.range.lastIndex - first.range.firstIndex + 1)
  for (const { range } of batches) {
    byteLengths.set(range.byteLengths, range.firstIndex - first.range.firstIndex)
  }
  return {
    range: {
      firstIndex: first.range.firstIndex,
      lastIndex: last.range.lastIndex,
      runs: joinRuns(batches.flatMap((batch) => batch.range.runs)),
      byteLengths,
    },
    bytes: Buffer.concat(batches.map((batch) => batch.bytes)),
  }
}

/** `count` entries of runs from a position on. */
export function sliceRuns(
  runs: readonly EntryRun[],
  position: number,
  count: number,
): readonly EntryRun[] {
  const sliced: EntryRun[] = []
  let start = 0
  for (const run of runs) {
    const from = Math.max(start, position)
    const to = Math.min(start + run.count, position + count)
    if (to > from) sliced.push({ ...run, count: to - from })
    start += run.count
  }
  return sliced
}

/** Runs one after the other, equal neighbours merged. */
export function joinRuns(runs: readonly EntryRun[]): readonly EntryRun[] {
  const joined: EntryRun[] = []
  for (const run of runs) {
    const last = joined.at(-1)
    if (last?.term === run.term && last.kind === run.kind) {
      joined[joined.length - 1] = { ...last, count: last.count + run.count }
    } else {
      joined.push(run)
    }
  }
  return joined
}

function sum(values: Uint32Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
