import { asIndex } from '../base/ids.js'
import { toClustorError } from '../native/native-error.js'
import type { LogDriver } from './log-driver.js'
import type { LogStatus } from './log-report.js'

/** What only the JavaScript side of a log knows. */
interface OwnCounts {
  readonly lastIndex: number
  readonly cachedBytes: number
}

/** A snapshot of a log from the addon's counters and our own. */
export function readStatus(driver: LogDriver, own: OwnCounts): LogStatus {
  const stats = driver.stats()
  const { stalledMs, count: stalls } = driver.stalls
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
    recycledSegments: stats.recycledSegments,
    shortages: stats.shortages,
    syncInFlightMs: stats.syncInFlightMs,
    stalledMs,
    stalls,
    scrub: driver.scrubber.status(),
    quarantined: stats.quarantine === null ? null : toClustorError(stats.quarantine),
    poisoned: stats.poison === null ? null : toClustorError(stats.poison),
    anchor: stats.anchor.block === 0 ? null : stats.anchor,
    stages: stats.stages,
  }
}
