import { asIndex, asTerm, noReplica, type LogIndex } from '../../../src/base/ids.js'
import type { EntryRun } from '../../../src/raft/entry-range.js'
import type { HardState, Ready, RecoveredState } from '../../../src/raft/ready.js'

/** One entry as the simulated disk keeps it; its byte length stands for its content. */
export interface StoredEntry {
  readonly term: number
  readonly kind: EntryRun['kind']
  readonly bytes: number
}

/** What one replica has on stable storage: only what a completed write put there. */
export class MemoryDisk {
  hardState: HardState = { term: asTerm(0), vote: noReplica, commitIndex: asIndex(0) }
  /** entries[0] has index 1. */
  readonly entries: StoredEntry[] = []

  get lastIndex(): number {
    return this.entries.length
  }

  /** Persists one Ready, as one atomic write. */
  write({ hardState, truncateFrom, entries }: Ready): void {
    if (hardState !== undefined) this.hardState = hardState
    if (truncateFrom !== undefined) this.entries.length = truncateFrom - 1
    if (entries === undefined) return
    if (this.entries.length !== entries.firstIndex - 1) {
      throw new Error(`a gap on disk: ${this.entries.length} then ${entries.firstIndex}`)
    }
    let position = 0
    for (const { term, kind, count } of entries.runs) {
      for (let i = 0; i < count; i++) {
        this.entries.push({ term, kind, bytes: entries.byteLengths[position++] ?? 0 })
      }
    }
  }

  /** What a replica finds when it starts on this disk. */
  recover(appliedIndex: number): RecoveredState {
    const commitIndex = Math.min(this.hardState.commitIndex, this.lastIndex)
    return {
      hardState: { ...this.hardState, commitIndex: asIndex(commitIndex) },
      entries: recoveredEntries(this.entries),
      appliedIndex: asIndex(appliedIndex),
    }
  }
}

/** A log that starts at index 1 in the form in which a core takes it. */
export function recoveredEntries(entries: readonly StoredEntry[]): RecoveredState['entries'] {
  return {
    firstIndex: asIndex(1),
    lastIndex: entries.length as LogIndex,
    prevTerm: asTerm(0),
    runs: entries.map(({ term, kind }) => ({ term: asTerm(term), kind, count: 1 })),
    byteLengths: Uint32Array.from(entries, ({ bytes }) => bytes),
  }
}
