import { ClustorError } from '../base/errors.js'
import { aliasLayer } from '../config/config-layers.js'
import type { OptionsOf } from '../config/options.js'
import { resolveGroup } from '../config/resolve.js'
import type { NativeAnchor, NativeLogOptions } from '../native/addon.js'
import { KeyRing } from './key-ring.js'
import type { OpenProgress } from './open-progress.js'
import type { Stall } from './stall-watch.js'

/** Whose log a directory holds; written into identity.json and compared at every open. */
export interface LogIdentity {
  readonly cluster: string
  readonly partition: string
  /** Numeric replica id, at least 1. */
  readonly replica: number
}

/** Options of the log alone; defaults and bounds are in docs/configuration.md, group `log`. */
export type LogOptions = {
  readonly [Name in keyof OptionsOf<'log'>]?: OptionsOf<'log'>[Name] | undefined
}

/** Where a log lives and how it behaves. */
export interface OpenLogOptions extends LogOptions {
  /** Made when missing; one process at a time. */
  readonly directory: string
  /** Where segments and ledger live; default `wal` inside the directory. */
  readonly walDirectory?: string | undefined
  /** Default: cluster `local`, partition `log`, replica 1. */
  readonly identity?: LogIdentity | undefined
  /** Encrypts and seals new segments under the active epochs, and opens those that are encrypted. */
  readonly keys?: KeyRing | undefined
  /** The log must have reached this point; one that was put back to an earlier state is refused with
   *  ERR_LOG_ROLLED_BACK. */
  readonly anchor?: LogAnchor | undefined
  /** Hears how far opening has come, about ten times a second, and once when the log is open. */
  readonly onProgress?: ((progress: OpenProgress) => void) | undefined
  /** Hears that the disk has not answered for syncStallMs, once, and once that it answers again. */
  readonly onStall?: ((stall: Stall) => void) | undefined
  /** Hears, once, that durable bytes were found damaged: from then on the log takes no writes. The error has the code
   *  ERR_LOG_QUARANTINED and says segment, offset and indexes. */
  readonly onQuarantine?: ((error: ClustorError) => void) | undefined
}

/** A point that a log is known to have reached, to be kept outside of its directory; `stats().anchor` gives one.
 *  Checksums chain, so one block stands for everything before it (docs/wal-format.md §8.2). */
export interface LogAnchor {
  /** Number of the block, at least 1. */
  readonly block: number
  /** Its checksum, 32 bits. */
  readonly checksum: number
  /** Entries from here on were not removed; absent: not known. */
  readonly firstIndex?: number | undefined
}

/** What the owner of a log wants to hear. */
export type LogCallbacks = Pick<OpenLogOptions, 'onProgress' | 'onStall' | 'onQuarantine'>

/** Options with every default filled in. */
export interface LogSettings extends OptionsOf<'log'> {
  readonly directory: string
  readonly walDirectory: string
  readonly identity: LogIdentity
  readonly keys: KeyRing | undefined
  readonly anchor: NativeAnchor | null
  readonly callbacks: LogCallbacks
}

const localIdentity: LogIdentity = { cluster: 'local', partition: 'log', replica: 1 }

/** Segment header, and what a block needs besides frames (docs/wal-format.md, kBlockOverheadBytesMax). */
const segmentOverheadBytes = 4096 + 256

/** Checks options and fills in defaults.
 *  @param source names the caller in refusals, for example `DurableLog.open`.
 *  @throws ERR_INVALID_ARGUMENT naming the option and its bounds. */
export function readLogSettings(options: OpenLogOptions, source: string): LogSettings {
  const { directory, walDirectory = '', identity = localIdentity, ...rest } = options
  const { keys, anchor: given, onProgress, onStall, onQuarantine, ...values } = rest
  const callbacks = { onProgress, onStall, onQuarantine }
  if (keys !== undefined && !(keys instanceof KeyRing)) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `keys in ${source} must be a KeyRing`)
  }
  if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `directory in ${source} must be a path`)
  }
  checkIdentity(identity, source)
  const anchor = given === undefined ? null : checkedAnchor(given, source)
  const resolved = resolveGroup(['log'], [aliasLayer(process.env), { source, values }])
  return { ...resolved, directory, walDirectory, identity, keys, anchor, callbacks }
}

/** The most frame bytes that one write may have: it must fit into an empty segment. */
export const writeBytesMax = (settings: LogSettings): number =>
  settings.segmentBytes - segmentOverheadBytes

/** What only one opening needs to know. */
export type OpenDetails = Pick<NativeLogOptions, 'recoverEntries' | 'progress' | 'keys'>

/** The settings as the addon wants them. */
export function toNativeOptions(settings: LogSettings, details: OpenDetails): NativeLogOptions {
  const { cluster, partition, replica } = settings.identity
  return {
    directory: settings.directory,
    walDirectory: settings.walDirectory,
    cluster,
    partition,
    replica,
    durability: settings.durability,
    segmentBytes: settings.segmentBytes,
    blockAlignmentBytes: settings.blockAlignmentBytes,
    groupBytesMax: settings.groupBytesMax,
    // The committer counts writes; each has one entry at least.
    groupWritesMax: settings.groupEntriesMax,
    payloadBytesMax: settings.payloadBytesMax,
    ledgerBytesMax: settings.ledgerBytesMax,
    ledger: settings.ledger,
    ledgerConfirmMs: settings.ledgerConfirmMs,
    encoding: settings.encoding,
    merkleLeaves: settings.merkleLeaves,
    ledgerCodec: settings.ledgerCodec,
    verifyThreads: settings.verifyThreads,
    sparesMax: settings.sparesMax,
    // Whole pages.
    headroomBytes: Math.floor(settings.headroomBytes / 4096) * 4096,
    awakeUsMax: settings.completionPollUsMax,
    unsafeFileSystem: settings.unsafeFileSystem,
    committerThreads: settings.committerThreads,
    anchor: settings.anchor,
    ...details,
  }
}

function checkedAnchor(anchor: LogAnchor, source: string): NativeAnchor {
  const { block, checksum, firstIndex = 0 } = anchor
  const whole = [block, checksum, firstIndex].every((value) => Number.isSafeInteger(value))
  if (whole && block >= 1 && checksum >= 0 && checksum < 2 ** 32 && firstIndex >= 0) {
    return { block, checksum, firstIndex }
  }
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `anchor in ${source} needs the number of a block from 1 on and its checksum of 32 bits`,
  )
}

function checkIdentity({ cluster, partition, replica }: LogIdentity, source: string): void {
  const named = [cluster, partition].every((name) => typeof name === 'string' && name !== '')
  if (named && Number.isSafeInteger(replica) && replica >= 1) return
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `identity in ${source} must name a cluster, a partition and a replica of at least 1`,
  )
}
