import type { AppendEntries } from '../../src/raft/messages.js'
import type { Core } from '../../src/raft/core.js'
import type { EntryRange } from '../../src/raft/entry-range.js'
import type { SnapshotDescription } from '../../src/raft/ready.js'
import type { Journal } from './journal.js'

/** What the scripts' own core knows of the log of a node: the terms, and where the part begins that its storage has not confirmed. */
export class LogMirror {
  readonly #terms = new Map<number, number>()
  readonly #journal: Journal
  /** The first entry that storage has not confirmed, and the first one that it was not given. */
  #unstableIndex = 0
  #notGivenIndex = 0
  #lastIndex = 0

  constructor(core: Core, journal: Journal) {
    this.#journal = journal
    this.refresh(core)
    this.#unstableIndex = this.#lastIndex + 1
    this.#notGivenIndex = this.#unstableIndex
  }

  /** Takes over the log as it is now. */
  refresh(core: Core): void {
    const { firstIndex, lastIndex, lastTerm } = core.status()
    for (const index of this.#terms.keys()) {
      if (index > lastIndex || index < firstIndex - 1) this.#terms.delete(index)
    }
    this.#terms.set(lastIndex, lastTerm)
    if (firstIndex <= lastIndex) this.#takeTerms(core.entries(firstIndex, lastIndex))
    this.#lastIndex = lastIndex
  }

  /** 0 for an entry that is not there. */
  termAt(index: number): number {
    return this.#terms.get(index) ?? 0
  }

  /** The last index up to `index` whose term is at most `term`. */
  lastWithTermAtMost(index: number, term: number): number {
    let at = Math.min(index, this.#lastIndex)
    while (this.#terms.has(at) && this.termAt(at) > term) at--
    return at
  }

  /** Everything was given to storage. */
  noteGiven(): void {
    this.#notGivenIndex = this.#lastIndex + 1
  }

  get hasUnstable(): boolean {
    return this.#unstableIndex <= this.#lastIndex
  }

  /** Storage confirms the log up to an entry. */
  noteStored(index: number, term: number): void {
    if (index < this.#unstableIndex || !this.#terms.has(index)) {
      this.#journal.info(`entry at index ${index} missing from unstable log; ignoring`)
    } else if (this.termAt(index) !== term) {
      const here = `(${index},${this.termAt(index)})`
      this.#journal.info(
        `entry at (index,term)=(${index},${term}) mismatched with entry at ${here} in unstable log; ignoring`,
      )
    } else {
      this.#unstableIndex = index + 1
      this.#notGivenIndex = Math.max(this.#notGivenIndex, index + 1)
    }
  }

  /** Says what an append that is about to be accepted does to the log. */
  sayAppended(entries: EntryRange): void {
    const terms = termsOf(entries)
    const at = terms.findIndex((term, offset) => this.termAt(entries.firstIndex + offset) !== term)
    if (at < 0) return
    const index = entries.firstIndex + at
    if (index <= this.#lastIndex) {
      const there = `existing term: ${this.termAt(index)}, conflicting term: ${terms[at] ?? 0}`
      this.#journal.info(`found conflict at index ${index} [${there}]`)
    }
    this.#sayReplaced(index)
  }

  /** Whether the log has what an append comes after. */
  matches({ prevIndex, prevTerm }: AppendEntries): boolean {
    return prevIndex === 0 ? prevTerm === 0 : this.#terms.get(prevIndex) === Number(prevTerm)
  }

  /** The unconfirmed part in the words of the scripts. */
  describeUnstable(): string {
    return [
      `unstable.offset=${this.#unstableIndex}`,
      `unstable.offsetInProgress=${this.#notGivenIndex}`,
      `len(unstable.Entries)=${this.#lastIndex + 1 - this.#unstableIndex}`,
    ].join(', ')
  }

  /** A snapshot takes the place of the log. */
  noteRestored({ index }: SnapshotDescription): void {
    this.#unstableIndex = index + 1
    this.#notGivenIndex = index + 1
  }

  #sayReplaced(index: number): void {
    if (index === this.#lastIndex + 1) return
    if (index <= this.#unstableIndex) {
      this.#journal.info(`replace the unstable entries from index ${index}`)
      this.#unstableIndex = index
    } else {
      this.#journal.info(`truncate the unstable entries before index ${index}`)
    }
    this.#notGivenIndex = Math.min(this.#notGivenIndex, index)
  }

  #takeTerms(range: EntryRange): void {
    for (const [at, term] of termsOf(range).entries()) this.#terms.set(range.firstIndex + at, term)
  }
}

const termsOf = ({ runs }: EntryRange): number[] =>
  runs.flatMap(({ term, count }) => Array.from({ length: count }, () => term as number))
