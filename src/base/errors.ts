/** Whether a failed proposal may still take effect. */
export type Outcome = 'not-applied' | 'unknown'

interface CodeRow {
  /** Trying again, unchanged, can succeed. */
  readonly retryable: boolean
  /** What the code means to a caller; docs/errors.md repeats every row. */
  readonly meaning: string
}

const row = (retryable: boolean, meaning: string): CodeRow => ({ retryable, meaning })

/** Every error code of the package. native/base/status_codes.def holds the native ones; a test compares the two. */
export const errorCodes = {
  // General
  ERR_INVALID_ARGUMENT: row(false, 'an argument or option is not valid'),
  ERR_INVARIANT: row(false, 'a broken invariant: a defect in clustor itself'),
  ERR_CLOSED: row(false, 'the object was closed'),
  ERR_ABORTED: row(false, 'the caller aborted the operation'),
  ERR_TIMEOUT: row(true, 'the deadline passed before the operation ended'),
  ERR_INTERNAL: row(false, 'an unexpected failure'),
  ERR_MALFORMED_LINE: row(false, 'a line of an input file is not what its format wants'),
  ERR_NOT_CONFIRMED: row(false, 'a command that cannot be undone was not confirmed'),
  // Log and disk
  ERR_CODEC_MISMATCH: row(false, 'the ledger on disk has another codec than the configured one'),
  ERR_CRYPTO_UNAVAILABLE: row(
    false,
    'keys were given, and this runtime offers no AES-256-GCM and HMAC-SHA256',
  ),
  ERR_DISK_FULL: row(true, 'no space left; nothing was appended and the log stays readable'),
  ERR_FORMAT_NEWER: row(false, 'the files were written by a newer version'),
  ERR_FRAME_CORRUPT: row(false, 'frame bytes do not verify'),
  ERR_IDENTITY_MISMATCH: row(
    false,
    'the directory belongs to another cluster, partition or replica',
  ),
  ERR_INDEX_COMPACTED: row(false, 'the entries were removed by truncatePrefix'),
  ERR_INDEX_OUT_OF_RANGE: row(false, 'there is no entry at that index'),
  ERR_IO: row(false, 'a system call failed'),
  ERR_KEY_UNKNOWN_EPOCH: row(false, 'the log needs a key epoch that the key ring does not hold'),
  ERR_KEY_WRONG: row(false, 'the key ring holds another key under the epoch that the log names'),
  ERR_LOCKED: row(false, 'another process uses the directory'),
  ERR_LOG_CORRUPT: row(false, 'bytes that were durable do not verify'),
  ERR_LOG_POISONED: row(false, 'an earlier write or sync failed; the log takes no more writes'),
  ERR_LOG_QUARANTINED: row(
    false,
    'durable bytes were found damaged while the log was open; it takes no more writes',
  ),
  ERR_LOG_ROLLED_BACK: row(false, 'the log ends before its anchor: older files were put back'),
  ERR_LOG_UNPROTECTED: row(
    false,
    'a segment is not encrypted or not sealed although the keys of the log demand it',
  ),
  ERR_NATIVE_UNAVAILABLE: row(false, 'the native addon cannot be loaded on this platform'),
  ERR_NOT_WRITABLE: row(false, 'a directory is not writable'),
  ERR_OUT_OF_MEMORY: row(true, 'no memory for the operation; nothing was appended'),
  ERR_QUOTA_EXCEEDED: row(true, 'the disk quota is used up; nothing was appended'),
  ERR_READ_ONLY_FILESYSTEM: row(false, 'the file system is mounted read-only'),
  ERR_TOO_LARGE: row(false, 'a payload exceeds its limit; nothing was written'),
  ERR_TOO_MANY_FILES: row(true, 'no file descriptor is left; nothing was appended'),
  ERR_UNSAFE_FILE_SYSTEM: row(
    false,
    'the directory is on a file system of a network or of memory, where a sync promises little',
  ),
  // Key files
  ERR_KEY_FILE_EXISTS: row(false, 'the key file is there already, or is being written'),
  ERR_KEY_FILE_EXPOSED: row(false, 'others than its owner may use the key file'),
  ERR_KEY_FILE_INVALID: row(false, 'the key file cannot be read or does not hold keys'),
  ERR_KEY_PROVIDER_FAILED: row(true, 'the function that provides the keys failed'),
  // Consensus and sessions
  ERR_APPLY_FAULT: row(false, 'the state machine threw; the partition stopped'),
  ERR_BUSY: row(true, 'a bounded queue is full'),
  ERR_MEMBERSHIP_BUSY: row(
    true,
    'the leader cannot change the membership yet: another change or its first entry is under way',
  ),
  ERR_MEMBERSHIP_REFUSED: row(false, 'the configuration in force does not admit the change'),
  ERR_NOT_LEADER: row(true, 'this node does not lead the partition'),
  ERR_PROPOSAL_LOST: row(true, 'leadership changed before the proposal committed'),
  ERR_SESSION_EXPIRED: row(false, 'the session is no longer in the replicated table'),
  ERR_SESSION_GAP: row(true, 'an earlier proposal of the session is missing'),
  ERR_TRANSFER_FAILED: row(true, 'the chosen replica did not take the leadership over'),
  ERR_TRANSFER_REFUSED: row(false, 'the chosen replica cannot take the leadership over'),
  ERR_TRANSFER_TOO_SOON: row(true, 'the leader leads for too short a time to hand over'),
  // Network
  ERR_CLUSTER_MISMATCH: row(false, 'the peer belongs to another cluster'),
  ERR_CONNECTION_LOST: row(true, 'the connection ended before the answer'),
  ERR_EPOCH_MISMATCH: row(
    false,
    'the replicas belong to different epochs of the partition: one side was recovered by force',
  ),
  ERR_FRAME_TOO_LARGE: row(false, 'a frame exceeds the body limit'),
  ERR_PARTITION_UNKNOWN: row(true, 'the node does not hold the partition'),
  ERR_PROTOCOL: row(false, 'the peer broke the protocol'),
  ERR_REPLICA_MISMATCH: row(false, 'the peer is not the replica it is configured to be'),
  ERR_REPLICA_REPLACED: row(
    false,
    'the replica has another log than the one that its peers know under its id',
  ),
  ERR_UNAVAILABLE: row(true, 'no endpoint could be reached'),
  ERR_VERSION_MISMATCH: row(false, 'the peer speaks another protocol version'),
} as const satisfies Record<string, CodeRow>

/** A stable error code; messages may change, codes do not. */
export type ErrorCode = keyof typeof errorCodes

/** What an error carries besides its code and message. */
export interface ErrorDetails {
  readonly outcome?: Outcome
  readonly cause?: unknown
  /** Values a caller may branch on or print: path, errno, syscall, segment, offset, index, leaderHint. */
  readonly fields?: Readonly<Record<string, unknown>>
}

/** The one error class of the package: branch on `code`, never on the message. */
export class ClustorError extends Error {
  readonly code: ErrorCode
  readonly retryable: boolean
  /** `unknown` when the operation may still take effect; `not-applied` when it certainly did not. */
  readonly outcome: Outcome
  readonly fields: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'ClustorError'
    this.code = code
    this.retryable = errorCodes[code].retryable
    this.outcome = details.outcome ?? 'not-applied'
    this.fields = details.fields ?? {}
  }
}
