import type { ClustorError } from '../base/errors.js'
import type { LogIndex, Term } from '../base/ids.js'
import type { EntryKind, EntryRange } from '../raft/entry-range.js'
import type { HardState, RecoveredEntries } from '../raft/ready.js'
import type { KeyRing } from './key-ring.js'
import type { LogListener } from './log-driver.js'
import type { LogStatus, RecoveryReport } from './log-report.js'

/** Entries with their bytes: the frames of `range`, back to back, exactly as on disk and on the wire. */
export interface FrameBatch {
  readonly range: EntryRange
  /** Length = sum of `range.byteLengths`. Read-only by contract: the log and the network share it. */
  readonly bytes: Uint8Array
}

/** One atomic change of the log; its parts take effect in the order in which they stand here. */
export interface LogWrite {
  readonly hardState?: HardState
  /** Entries at this index and above go. Not below the commit index; not below the first index. */
  readonly truncateFrom?: LogIndex
  /** Starts at the last index + 1, counted after the truncation. */
  readonly frames?: FrameBatch
}

/** What was on disk when the log was opened, without payloads. */
export interface RecoveredLog {
  /** Of identity.json: a log that begins anew has a larger one. */
  readonly incarnation: number
  /** All zero for a new log. */
  readonly hardState: HardState
  readonly entries: RecoveredEntries
  readonly report: RecoveryReport
}

/** The durable log of one replica, as its loop sees it. */
export interface ReplicaLog {
  readonly recovered: RecoveredLog

  /** The most frame bytes that one write may have, unless it is a single entry: more may not fit into a segment. */
  readonly writeBytesMax: number

  /** Frames payloads of one term and kind, checksums included, in one native call.
   *  @param payloads at least one; each at most payloadBytesMax. The bytes are copied.
   *  @throws ERR_TOO_LARGE naming the payload; nothing is kept. */
  encode(
    term: Term,
    firstIndex: LogIndex,
    kind: EntryKind,
    payloads: readonly Uint8Array[],
  ): FrameBatch

  /** Checks received frames: every checksum, contiguous indexes, terms that never fall.
   *  @returns a batch over the same bytes, not a copy.
   *  @throws ERR_FRAME_CORRUPT with the offset of the first bad frame. */
  decode(bytes: Uint8Array): FrameBatch

  /** A view of the payload of the position-th entry; walking a batch forwards costs O(1) per entry. */
  payload(batch: FrameBatch, position: number): Uint8Array

  /** Queues a write at once; the frames are readable through `cached` from then on.
   *  `done` runs on a later turn, after segment and ledger are synced, in call order.
   *  Errors: ERR_DISK_FULL fails this write and all queued behind it, later ones may succeed; ERR_LOG_POISONED fails
   *  all writes from then on; ERR_CLOSED after `close`. */
  persist(write: LogWrite, done: (error: ClustorError | null) => void): void

  /** Recent frames from memory, as many of firstIndex..lastIndex as are there in one piece from firstIndex on, at
   *  most bytesMax bytes but at least one entry; null when firstIndex is not in memory. */
  cached(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null

  /** Frames from disk, verified, as many of firstIndex..lastIndex as fit bytesMax, at least one entry.
   *  @throws ERR_INDEX_COMPACTED below the first index; ERR_INDEX_OUT_OF_RANGE above the durable index;
   *  ERR_LOG_CORRUPT when durable bytes do not verify. */
  read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch>

  /** Lets go of entries below `before`; whole segments are removed, so `firstIndex` may stay lower. */
  truncatePrefix(before: LogIndex): Promise<void>

  /** Adds somebody who hears of stalls and of damage. */
  listen(listener: LogListener): void

  /** New segments take the active epochs of these keys; as DurableLog.rotateKeys. */
  rotateKeys(ring: KeyRing): Promise<void>

  status(): LogStatus

  /** Commits what was persisted, fails what cannot be, each before the promise resolves; releases the directory. */
  close(): Promise<void>
}
