import { asIndex, asReplica, asTerm } from '../base/ids.js'
import type { NativeFrameRange, NativeRecovery } from '../native/addon.js'
import type { EntryKind, EntryRange, EntryRun } from '../raft/entry-range.js'
import type { RecoveryReport } from './log-report.js'
import type { RecoveredLog } from './replica-log.js'

/** The range of frames that the addon read or parsed. */
export function toEntryRange(range: NativeFrameRange): EntryRange {
  return {
    firstIndex: asIndex(range.firstIndex),
    lastIndex: asIndex(range.lastIndex),
    runs: toRuns(range.runs),
    byteLengths: range.byteLengths,
  }
}

/** What recovery found, as the loop of a replica takes it over. */
export function toRecoveredLog(recovery: NativeRecovery): RecoveredLog {
  const { term, vote, commitIndex } = recovery.hardState
  return {
    incarnation: recovery.incarnation,
    hardState: { term: asTerm(term), vote: asReplica(vote), commitIndex: asIndex(commitIndex) },
    // The term before firstIndex is not in the log; it comes with the snapshot that allowed to cut the prefix.
    entries: { ...toEntryRange(recovery.entries), prevTerm: asTerm(0) },
    report: toReport(recovery),
  }
}

/** What recovery found, for people. */
export function toReport(recovery: NativeRecovery): RecoveryReport {
  return {
    outcome: outcomeOf(recovery),
    firstIndex: asIndex(recovery.entries.firstIndex),
    lastIndex: asIndex(recovery.entries.lastIndex),
    provenIndex: asIndex(recovery.provenIndex),
    unprovenBlocks: recovery.unprovenBlocks,
    segmentCount: recovery.segments,
    scannedBytes: recovery.bytesScanned,
    droppedBytes: recovery.tornBytesDropped,
    durationMs: recovery.scanMs + recovery.repairMs,
  }
}

function outcomeOf(recovery: NativeRecovery): RecoveryReport['outcome'] {
  if (recovery.created) return 'created'
  return recovery.tornBytesDropped > 0 ? 'torn-tail-dropped' : 'clean'
}

function toRuns(triples: Float64Array): readonly EntryRun[] {
  const runs: EntryRun[] = []
  for (let position = 0; position + 2 < triples.length; position += 3) {
    runs.push({
      term: asTerm(triples[position] ?? 0),
      kind: (triples[position + 1] ?? 0) as EntryKind,
      count: triples[position + 2] ?? 0,
    })
  }
  return runs
}
