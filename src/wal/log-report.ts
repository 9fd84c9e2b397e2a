import type { LogAnchor } from './log-settings.js'
import type { LogIndex } from '../base/ids.js'
import type { ClustorError } from '../base/errors.js'
import type { ScrubStatus } from './scrubber.js'

/** What opening a log found on disk and what it did about it. */
export interface RecoveryReport {
  /** `created`: there was no log. `clean`: everything verified. `torn-tail-dropped`: bytes behind the last
   *  acknowledged block did not verify; they were never acknowledged and are gone. */
  readonly outcome: 'created' | 'clean' | 'torn-tail-dropped'
  /** The first index that is there; lastIndex + 1 for an empty log. */
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  /** The highest index that the durability ledger proves. */
  readonly provenIndex: LogIndex
  /** Valid blocks behind the newest proven one: written before a crash, proven again while opening. */
  readonly unprovenBlocks: number
  readonly segmentCount: number
  /** Bytes that recovery read and verified. */
  readonly scannedBytes: number
  /** Bytes behind the last valid block that were dropped and zeroed. */
  readonly droppedBytes: number
  readonly durationMs: number
}

/** How long one stage of a durable append took, over the life of the open log. */
export interface StageHistogram {
  readonly count: number
  readonly totalUs: number
  readonly maxUs: number
  readonly p50Us: number
  readonly p99Us: number
}

/** The stages between a submitted write and its acknowledgement, in their order. */
export interface StageHistograms {
  /** Waiting for the committer thread. */
  readonly queue: StageHistogram
  /** Copying frames into a block, and its checksum. */
  readonly encode: StageHistogram
  /** pwrite of the block. */
  readonly write: StageHistogram
  /** fdatasync of the segment. */
  readonly sync: StageHistogram
  /** Writing and syncing the ledger record. */
  readonly ledger: StageHistogram
}

/** A snapshot of an open log for people and metrics. */
export interface LogStatus {
  readonly firstIndex: LogIndex
  /** The last index that was submitted, durable or not. */
  readonly lastIndex: LogIndex
  /** The last index that is on stable storage and recorded in the ledger. */
  readonly durableIndex: LogIndex
  readonly segmentCount: number
  /** Bytes of all segments and the ledger on disk, preallocated space included. */
  readonly diskBytes: number
  /** Writes handed over and not yet completed. */
  readonly pendingWrites: number
  readonly pendingBytes: number
  /** Bytes of recent frames held in memory. */
  readonly cachedBytes: number
  /** Blocks written since the log was opened; entries / blocks is the mean size of a commit group. */
  readonly blockCount: number
  /** Entries written since the log was opened. */
  readonly entryCount: number
  readonly segmentSyncs: number
  readonly ledgerSyncs: number
  /** Bytes of blocks written since the log was opened, padding included. */
  readonly bytesWritten: number
  readonly rotations: number
  /** Rotations that found no spare segment ready and had to zero one themselves. */
  readonly lateSpares: number
  /** Removed segments that were kept to be used again. */
  readonly recycledSegments: number
  /** How often writes failed for want of space, quota or descriptors. */
  readonly shortages: number
  /** How long the sync, or the making of room, that writes wait for has been under way; 0 when none is. */
  readonly syncInFlightMs: number
  /** How long the disk has not answered, when that counts as a stall (syncStallMs); else 0. */
  readonly stalledMs: number
  /** Stalls since the log was opened, the present one included. */
  readonly stalls: number
  readonly scrub: ScrubStatus
  /** The damage for which the log takes no more writes (ERR_LOG_QUARANTINED); null while there is none. */
  readonly quarantined: ClustorError | null
  /** Why the log takes no more writes; null while it does. */
  readonly poisoned: ClustorError | null
  /** The newest durable block, which somebody outside of the directory can keep as the anchor of the next open; null
   *  while there is none. */
  readonly anchor: LogAnchor | null
  readonly stages: StageHistograms
}
