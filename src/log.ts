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
  statsDirectory,
  verifyDirectory,
  type DirectoryStats,
  type DumpItem,
  type VerifyReport,
} from './wal/inspect.js'
export type { LogEntry } from './wal/log-reader.js'
export type {
  LogStatus,
  RecoveryReport,
  StageHistogram,
  StageHistograms,
} from './wal/log-report.js'
export type { LogIdentity, LogOptions, OpenLogOptions } from './wal/log-settings.js'
