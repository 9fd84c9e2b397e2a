import { asIndex, asTerm, noReplica, type LogIndex } from '../../../src/base/ids.js'
import type { EntryRun } from '../../../src/raft/entry-range.js'
import type {
  HardState,
  Ready,
  RecoveredState,
  SnapshotDescription,
} from '../../../src/raft/ready.js'

/** One entry as the simulated disk keeps it; its byte length stands for its content. */
export interface StoredEntry {
  readonly term: number
  readonly kind: EntryRun['kind']
  readonly bytes: number
}

/** What one replica has on stable storage: only what a completed write put there. */
export class MemoryDisk {
  hardState: HardState = { term: asTerm(0), vote: noReplica, commitIndex: asIndex(0) }
  /** entries[0] has index 1. Those that a snapshot covers are its data. */
  readonly entries: StoredEntry[] = []
  snapshot: SnapshotDescription | undefined

  get lastIndex(): number {
    return this.entries.length
  }

  /** Persists one Ready, as one atomic write.
   *  @param covered what the snapshot of the Ready covers. */
  write({ hardState, snapshot, truncateFrom, entries }: Ready, covered: StoredEntry[] = []): void {
    if (hardState !== undefined) this.hardState = hardState
    if (snapshot !== undefined) {
      this.snapshot = snapshot
      this.entries.splice(0, this.entries.length, ...covered)
    }
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

  /** Everything is gone. */
  wipe(): void {
    this.hardState = { term: asTerm(0), vote: noReplica, commitIndex: asIndex(0) }
    this.entries.length = 0
    this.snapshot = undefined
  }

  /** What a replica finds when it starts on this disk. */
  recover(): RecoveredState {
    const commitIndex = Math.min(this.hardState.commitIndex, this.lastIndex)
    const { snapshot } = this
    return {
      hardState: { ...this.hardState, commitIndex: asIndex(commitIndex) },
      entries: recoveredEntries(this.entries, snapshot?.index ?? 0),
      appliedIndex: asIndex(snapshot?.index ?? 0),
      ...(snapshot && { snapshot, configuration: snapshot.configuration }),
    }
  }
}

/** A log in the form in which a core takes it, without the entries up to `compactedIndex`. */
export function recoveredEntries(
  entries: readonly StoredEntry[],
  compactedIndex = 0,
): RecoveredState['entries'] {
  const kept = entries.slice(compactedIndex)
  return {
    firstIndex: asIndex(compactedIndex + 1),
    lastIndex: entries.length as LogIndex,
    prevTerm: asTerm(entries[compactedIndex - 1]?.term ?? 0),
    runs: kept.map(({ term, kind }) => ({ term: asTerm(term), kind, count: 1 })),
    byteLengths: Uint32Array.from(kept, ({ bytes }) => bytes),
  }
}
