import { asIndex } from '../base/ids.js'
import type { NativeLog } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import type { LogStatus } from './log-report.js'

/** What only the JavaScript side of a log knows. */
interface OwnCounts {
  readonly lastIndex: number
  readonly cachedBytes: number
}

/** A snapshot of a log from the addon's counters and our own. */
export function readStatus(log: NativeLog, own: OwnCounts): LogStatus {
  const stats = log.stats()
  return {
    firstIndex: asIndex(stats.firstIndex),
    lastIndex: asIndex(own.lastIndex),
    durableIndex: asIndex(stats.durableIndex),
    segmentCount: stats.segments,
    diskBytes: stats.segmentBytes + stats.ledgerBytes,
    pendingWrites: stats.queuedWrites,
    pendingBytes: stats.queuedBytes,
    cachedBytes: own.cachedBytes,
    blockCount: stats.blocks,
    entryCount: stats.entriesWritten,
    segmentSyncs: stats.segmentSyncs,
    ledgerSyncs: stats.ledgerSyncs,
    bytesWritten: stats.bytesWritten,
    rotations: stats.rotations,
    lateSpares: stats.lateSpares,
    shortages: stats.shortages,
    poisoned: stats.poison === null ? null : toClustorError(stats.poison),
    stages: stats.stages,
  }
}
