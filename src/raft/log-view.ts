import type { LogIndex, Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { ByteLengths } from './byte-lengths.js'
import type { EntryKind, EntryRange, EntryRun } from './entry-range.js'
import type { RecoveredEntries } from './ready.js'

interface LogRun {
  readonly firstIndex: number
  readonly term: Term
  readonly kind: EntryKind
}

/** A position and the term there. */
export interface LogPosition {
  readonly index: LogIndex
  readonly term: Term
}

/** The log as the core sees it: per entry four bytes, per run of equal (term, kind) one small object.
 *  The payloads stay with their owner, so a log of a million entries costs about 4 MiB. */
export class LogView {
  #firstIndex: number
  #lastIndex: number
  /** The term of the entry before the first: dropped, but still needed to match against. */
  #prevTerm: Term
  readonly #runs: LogRun[] = []
  readonly #byteLengths: ByteLengths

  constructor(recovered: RecoveredEntries) {
    this.#firstIndex = recovered.firstIndex
    this.#lastIndex = recovered.firstIndex - 1
    this.#prevTerm = recovered.prevTerm
    this.#byteLengths = new ByteLengths(recovered.firstIndex)
    this.appendRuns(recovered.runs, recovered.byteLengths)
    invariant(this.#lastIndex === Number(recovered.lastIndex), 'R8', {
      lastIndex: recovered.lastIndex,
      counted: this.#lastIndex,
    })
  }

  get firstIndex(): LogIndex {
    return this.#firstIndex as LogIndex
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex as LogIndex
  }

  get last(): LogPosition {
    return { index: this.lastIndex, term: this.#runs.at(-1)?.term ?? this.#prevTerm }
  }

  /** The term at `index`; undefined when it was compacted away or is not there yet. */
  termAt(index: number): Term | undefined {
    if (index === this.#firstIndex - 1) return this.#prevTerm
    if (index < this.#firstIndex || index > this.#lastIndex) return undefined
    return this.#runAt(index).term
  }

  /** Whether the log holds exactly this entry (Raft §5.3, the consistency check). */
  holds(index: number, term: Term): boolean {
    return this.termAt(index) === term
  }

  /** Appends entries whose terms are at least that of the last one. */
  appendRuns(runs: readonly EntryRun[], byteLengths: Uint32Array): void {
    for (const run of runs) this.#appendRun(run)
    this.#byteLengths.append(byteLengths)
    invariant(this.#byteLengths.nextIndex === this.#lastIndex + 1, 'R8', {
      lastIndex: this.#lastIndex,
      byteLengthsEnd: this.#byteLengths.nextIndex - 1,
    })
  }

  /** Drops the entries from `index` on. */
  truncateFrom(index: number): void {
    while ((this.#runs.at(-1)?.firstIndex ?? 0) >= index) this.#runs.pop()
    this.#lastIndex = index - 1
    this.#byteLengths.truncateFrom(index)
  }

  /** Drops the entries before `index`, whose term at index - 1 is kept. */
  compactBefore(index: number): void {
    const prevTerm = this.termAt(index - 1)
    invariant(prevTerm !== undefined, 'R10', { index, lastIndex: this.#lastIndex })
    this.#prevTerm = prevTerm
    this.#firstIndex = index
    const kept = index > this.#lastIndex ? this.#runs.length : this.#runPosition(index)
    this.#runs.splice(0, kept)
    this.#byteLengths.dropBefore(index)
  }

  /** Forgets every entry: a snapshot that ends at `index`, in `term`, takes their place. */
  restore({ index, term }: LogPosition): void {
    this.#firstIndex = index + 1
    this.#lastIndex = index
    this.#prevTerm = term
    this.#runs.length = 0
    this.#byteLengths.restart(index + 1)
  }

  kindAt(index: number): EntryKind | undefined {
    if (index < this.#firstIndex || index > this.#lastIndex) return undefined
    return this.#runAt(index).kind
  }

  /** Whether an entry of this kind is in first..last, as far as those are in the log. */
  hasKind(kind: EntryKind, first: number, last: number): boolean {
    const start = Math.max(first, this.#firstIndex)
    const end = Math.min(last, this.#lastIndex)
    if (start > end) return false
    for (let position = this.#runPosition(start); position < this.#runs.length; position++) {
      const run = this.#runs[position] as LogRun
      if (run.firstIndex > end) return false
      if (run.kind === kind) return true
    }
    return false
  }

  /** The entries first..last, as columns of their own. */
  slice(first: number, last: number): EntryRange {
    return {
      firstIndex: first as LogIndex,
      lastIndex: last as LogIndex,
      runs: this.#sliceRuns(first, last),
      byteLengths: this.#byteLengths.copy(first, last),
    }
  }

  /** Frame bytes of first..last; 0 when first > last. */
  bytesBetween(first: number, last: number): number {
    return this.#byteLengths.sum(first, last)
  }

  /** Where a page from `first` ends: at most `bytesMax` frame bytes, but at least one entry, and never beyond `last`. */
  endWithin(first: number, last: number, bytesMax: number): LogIndex {
    return this.#byteLengths.endWithin(first, last, bytesMax) as LogIndex
  }

  /** The first index of `range` that this log does not hold with the same term; undefined when it holds all. */
  firstMissing(range: EntryRange): LogIndex | undefined {
    let index = range.firstIndex as number
    for (const run of range.runs) {
      const end = index + run.count
      while (index < end) {
        if (index > this.#lastIndex) return index as LogIndex
        const position = this.#runPosition(index)
        if (this.#runs[position]?.term !== run.term) return index as LogIndex
        index = Math.min(end, this.#runEnd(position) + 1)
      }
    }
    return undefined
  }

  /** The largest position at or before `index` whose term is at most `term`: beyond it no log that has
   *  `term` at `index` can match. Skips whole runs, so that a probe costs one round per term (Raft §5.3). */
  lastWithTermAtMost(index: number, term: Term): LogPosition {
    if (index > this.#lastIndex) return { index: index as LogIndex, term: 0 as Term }
    let candidate = index
    while (candidate >= this.#firstIndex) {
      const run = this.#runAt(candidate)
      if (run.term <= term) return { index: candidate as LogIndex, term: run.term }
      candidate = Math.max(run.firstIndex, this.#firstIndex) - 1
    }
    if (this.#prevTerm <= term) return { index: candidate as LogIndex, term: this.#prevTerm }
    return { index: Math.max(0, candidate - 1) as LogIndex, term: 0 as Term }
  }

  #appendRun(run: EntryRun): void {
    const last = this.#runs.at(-1)
    const lastTerm = last?.term ?? this.#prevTerm
    invariant(run.term >= lastTerm, 'R9', { term: run.term, lastTerm, index: this.#lastIndex + 1 })
    if (last?.term !== run.term || last.kind !== run.kind) {
      this.#runs.push({ firstIndex: this.#lastIndex + 1, term: run.term, kind: run.kind })
    }
    this.#lastIndex += run.count
  }

  #runAt(index: number): LogRun {
    return this.#runs[this.#runPosition(index)] as LogRun
  }

  /** The run that holds `index`; most questions are about the last one. */
  #runPosition(index: number): number {
    let low = 0
    let high = this.#runs.length - 1
    if ((this.#runs[high]?.firstIndex ?? 0) <= index) return high
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#runs[middle] as LogRun).firstIndex <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  #runEnd(position: number): number {
    const next = this.#runs[position + 1]
    return next === undefined ? this.#lastIndex : next.firstIndex - 1
  }

  #sliceRuns(first: number, last: number): EntryRun[] {
    const runs: EntryRun[] = []
    let index = first
    for (let position = this.#runPosition(first); index <= last; position++) {
      const { term, kind } = this.#runs[position] as LogRun
      const end = Math.min(last, this.#runEnd(position))
      runs.push({ term, kind, count: end - index + 1 })
      index = end + 1
    }
    return runs
  }
}
