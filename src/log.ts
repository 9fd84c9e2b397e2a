/** `clustor/log`: the durable log alone. */
export { ClustorError, errorCodes, type ErrorCode, type Outcome } from './base/errors.js'
export {
  DurableLog,
  type Appended,
  type AppendedRange,
  type ReadOptions,
} from './wal/durable-log.js'
export {
  dumpDirectory,
  proveEntry,
  statsDirectory,
  verifyDirectory,
  type DirectoryStats,
  type DumpItem,
  type DumpOptions,
  type InspectOptions,
  type VerifyReport,
} from './wal/inspect.js'
export { createKeyFile, rotateKeyFile, type KeyFileSummary } from './wal/key-file.js'
export { KeyRing, type KeyRingOptions } from './wal/key-ring.js'
export type { KeyRingKeys } from './wal/keys.js'
export type { LogEntry } from './wal/log-reader.js'
export type {
  LogStatus,
  RecoveryReport,
  StageHistogram,
  StageHistograms,
} from './wal/log-report.js'
export { entryOfProof, verifyProof, type EntryProof, type ProvenEntry } from './wal/proof.js'
export {
  rewriteDirectory,
  salvageDirectory,
  type RewriteOptions,
  type RewriteReport,
  type SalvageReport,
} from './wal/repair.js'
export type { ScrubReport, ScrubStatus } from './wal/scrubber.js'
export type { OpenProgress } from './wal/open-progress.js'
export type { Stall } from './wal/stall-watch.js'
export type { LogAnchor, LogIdentity, LogOptions, OpenLogOptions } from './wal/log-settings.js'
