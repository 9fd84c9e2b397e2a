import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ClustorError } from '../base/errors.js'

/** Keys on their way to the addon, which copies them at once. */
export interface NativeKeys {
  readonly dekEpochs: Uint32Array
  readonly macEpochs: Uint32Array
  /** 32 bytes for each epoch: first the data keys, then the MAC keys. */
  readonly bytes: Uint8Array
  /** 0: none. */
  readonly activeDek: number
  readonly activeMac: number
  /** Segments without the protection that an active key gives are read; else refused. */
  readonly allowPlain: boolean
}

/** A block that a log is known to have reached (native/wal/options.h). */
export interface NativeAnchor {
  /** Number of the block, from 1 on; 0: none was written. */
  readonly block: number
  readonly checksum: number
  /** The oldest index that was kept; 0: not known. */
  readonly firstIndex: number
}

/** Options of `openLog`, checked and complete (native/wal/options.h). */
export interface NativeLogOptions {
  readonly directory: string
  /** Empty: `wal` inside the directory. */
  readonly walDirectory: string
  readonly cluster: string
  readonly partition: string
  readonly replica: number
  readonly durability: 'strict' | 'group'
  readonly segmentBytes: number
  readonly blockAlignmentBytes: number
  readonly groupBytesMax: number
  readonly groupWritesMax: number
  readonly payloadBytesMax: number
  readonly ledgerBytesMax: number
  readonly ledger: 'ordered' | 'overlapped' | 'inline'
  readonly ledgerConfirmMs: number
  readonly encoding: 'binary' | 'json'
  readonly merkleLeaves: boolean
  readonly ledgerCodec: 'binary' | 'json'
  readonly verifyThreads: number
  readonly sparesMax: number
  readonly headroomBytes: number
  /** While the disk answers small groups within this, processors of threads that wait for it are kept awake; 0: never. */
  readonly awakeUsMax: number
  /** Whether the recovery report lists terms, kinds and lengths of entries. */
  readonly recoverEntries: boolean
  readonly unsafeFileSystem: boolean
  readonly committerThreads: number
  readonly progress: NativeProgress | null
  readonly keys: NativeKeys | null
  readonly anchor: NativeAnchor | null
}

/** How far an opening has come. */
export interface NativeProgress {
  /** bytesDone, bytesTotal; both 0 until the segments were listed. */
  read(): Float64Array
}

/** Entries without their bytes; runs are term, kind, count triples. */
export interface NativeFrameRange {
  readonly firstIndex: number
  readonly lastIndex: number
  readonly runs: Float64Array
  readonly byteLengths: Uint32Array
}

/** What recovery found (native/wal/log.h, RecoveryReport). */
export interface NativeRecovery {
  readonly hardState: { readonly term: number; readonly vote: number; readonly commitIndex: number }
  readonly entries: NativeFrameRange
  readonly created: boolean
  readonly provenIndex: number
  readonly tornBytesDropped: number
  readonly unprovenBlocks: number
  readonly ledgerRecords: number
  readonly ledgerRecordsBad: number
  readonly segments: number
  readonly segmentsRemoved: number
  readonly bytesScanned: number
  readonly tailSegment: number
  readonly tailOffset: number
  readonly incarnation: number
  readonly scanMs: number
  readonly repairMs: number
}

/** Why a log takes no more writes; null while it does. */
export interface NativeFailures {
  readonly poison: Error | null
  /** Its damage. */
  readonly quarantine: Error | null
}

/** Called for each range of writes: those after the previous call, up to throughSequence. Must not throw. */
export type NativeCompletion = (
  throughSequence: number,
  durableIndex: number,
  error: Error | undefined,
) => void

/** An open log. Nothing here waits for the disk on the calling thread. */
export interface NativeLog {
  /** Frames and submits payloads that stand in their places in `bytes`: `counts[i]` entries form the i-th write.
   *  @returns the sequence number of the last write; 0 when the log was closed. Bytes are copied. */
  append(
    bytes: Uint8Array,
    byteLengths: Uint32Array,
    counts: Uint32Array,
    firstIndex: number,
    term: number,
  ): number
  /** As `append`, but nothing is committed before `commitThrough`, which must follow. */
  appendQuietly: NativeLog['append']
  /** Frames and submits payloads, at least one, as one write, straight from where they are. Bytes are copied.
   *  @returns its sequence number; 0 when the log was closed. */
  appendPayloads(payloads: readonly Uint8Array[], firstIndex: number, term: number): number
  /** As `appendPayloads`, but nothing is committed before `commitThrough`, which must follow. */
  appendPayloadsQuietly: NativeLog['appendPayloads']
  /** Blocks until the write of this sequence number has completed, committing on the calling thread, and calls
   *  NativeCompletion for everything that has completed before it returns. Not after `close`. */
  commitThrough(sequence: number): void
  /** From now on completions wait for `poll`, `stopPolling` or `commitThrough` instead of waking the event loop. */
  startPolling(): void
  /** Looks for completions for some microseconds. Calls NativeCompletion for what has completed and ends what
   *  `startPolling` began; false: nothing has, and the processor was offered to others. */
  poll(): boolean
  /** Calls NativeCompletion for what has completed, and ends polling in any case. */
  stopPolling(): void
  /** Submits one write of ready frames; see native/wal/log.h, Write. Bytes are copied.
   *  @param hardState term, vote, commitIndex
   *  @param truncateFrom 0 for none
   *  @returns its sequence number; 0 when the log was closed. */
  submit(
    hardState: Float64Array | null,
    truncateFrom: number,
    bytes: Uint8Array | null,
    byteLengths: Uint32Array | null,
    firstIndex: number,
    lastTerm: number,
  ): number
  read(
    firstIndex: number,
    lastIndex: number,
    bytesMax: number,
  ): Promise<NativeFrameRange & { readonly bytes: Uint8Array }>
  truncatePrefix(before: number): Promise<void>
  /** Null ends encryption and sealing of new segments. */
  setKeys(keys: NativeKeys | null): Promise<void>
  /** A scrub from the beginning: each call verifies the next piece; one call at a time. */
  newScrub(): (bytesMax: number) => Promise<{ readonly bytes: number; readonly passDone: boolean }>
  prove(index: number): Promise<NativeProof>
  /** The root of a segment's Merkle tree, 32 bytes. */
  merkleRoot(segment: number): Promise<Uint8Array>
  /** Writes the counters of the log into `numbers`; `readStats` (log-stats.ts) knows their order. */
  stats(numbers: Float64Array): void
  failures(): NativeFailures
  /** Commits what was submitted, delivers every completion, then resolves. Once only. */
  close(): Promise<void>
}

/** That an entry is part of a segment (native/wal/prove.h). */
export interface NativeProof {
  readonly segment: number
  readonly index: number
  readonly firstIndex: number
  readonly count: number
  readonly frame: Uint8Array
  /** Hashes of 32 bytes, back to back. */
  readonly path: Uint8Array
  readonly root: Uint8Array
}

/** What `verifyDirectory` found (native/wal/inspect.h). */
export interface NativeVerifyReport {
  readonly verdict: Error | null
  readonly recovery: NativeRecovery
  readonly identity: {
    readonly cluster: string
    readonly partition: string
    readonly replica: number
    readonly incarnation: number
  }
  readonly locked: boolean
  readonly blockPayloadBytes: number
  readonly paddingBytes: number
}

/** One thing in the files of a log (native/wal/inspect.h, DumpItem). */
export interface NativeDumpItem {
  readonly type: 'segment' | 'block' | 'entry' | 'hard-state' | 'truncate' | 'ledger' | 'invalid'
  readonly segment: number
  readonly offset: number
  readonly bytes: number
  readonly block: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly entryCount: number
  readonly term: number
  readonly index: number
  readonly vote: number
  readonly kind: number
  readonly timestampMs: number
  readonly payloadBytes: number
  readonly detail: string
}

/** What `rewriteDirectory` did (native/wal/rewrite.h). */
export interface NativeRewriteReport {
  readonly firstIndex: number
  readonly lastIndex: number
  readonly blocks: number
  readonly segmentsBefore: number
  readonly segmentsAfter: number
  /** The oldest of the new segments. */
  readonly firstSegment: number
  readonly bytesWritten: number
  /** The newest block: it replaces an anchor that is kept elsewhere. */
  readonly anchor: NativeAnchor
}

/** What `salvageDirectory` found and saved (native/wal/salvage.h). */
export interface NativeSalvageReport {
  readonly cluster: string
  readonly partition: string
  readonly replica: number
  readonly firstIndex: number
  readonly lastIndex: number
  readonly blocks: number
  /** Where the log broke off; null when it was whole. */
  readonly loss: {
    readonly segment: number
    readonly offset: number
    /** Entries that the ledger proves and the log does not reach; 0 when it does not say. */
    readonly firstIndex: number
    readonly lastIndex: number
    readonly why: string
  } | null
  /** Entries that verify behind the break: they are not in the new log. */
  readonly strays: readonly {
    readonly segment: number
    readonly firstIndex: number
    readonly lastIndex: number
  }[]
  readonly strayEntries: number
}

/** Which loop `runRawBench` runs (native/os/raw_bench.h). */
export type RawBenchMethod =
  'single-preallocated' | 'single-extending' | 'single-direct' | 'two-ordered' | 'two-parallel'

/** How `runRawBench` runs it. */
export interface RawBenchOptions {
  readonly directory: string
  readonly method: RawBenchMethod
  /** Bytes of each write. */
  readonly writeBytes: number
  /** Bytes of the write to the second file. */
  readonly secondWriteBytes?: number
  /** Distance of writes in the first file; writeBytes when absent. */
  readonly strideBytes?: number
  readonly operations: number
}

/** The functions of the addon (native/binding/addon.cc). All throw and reject with plain errors that carry a code;
 *  `toClustorError` makes ours of them. */
export interface NativeAddon {
  readonly interfaceVersion: number
  openLog(
    options: NativeLogOptions,
    complete: NativeCompletion,
  ): Promise<{ readonly log: NativeLog; readonly recovery: NativeRecovery }>
  /** An object to pass to `openLog` in its options and to look at meanwhile. */
  openProgress(): NativeProgress
  /** Makes frames in place: the payloads stand in `bytes` already, with room around each. */
  sealFrames(
    bytes: Uint8Array,
    byteLengths: Uint32Array,
    term: number,
    firstIndex: number,
    kind: number,
  ): void
  parseFrames(bytes: Uint8Array): NativeFrameRange
  verifyDirectory(
    directory: string,
    walDirectory: string,
    keys: NativeKeys | null,
  ): Promise<NativeVerifyReport>
  /** As `prove` of an open log, without opening it. */
  proveDirectory(
    directory: string,
    walDirectory: string,
    keys: NativeKeys | null,
    index: number,
  ): Promise<NativeProof>
  /** Resolves to a function that gives the next items, an empty list at the end; one call at a time. */
  dumpDirectory(
    directory: string,
    walDirectory: string,
    keys: NativeKeys | null,
    fromIndex: number,
  ): Promise<(countMax: number) => Promise<NativeDumpItem[]>>
  rewriteDirectory(options: NativeLogOptions): Promise<NativeRewriteReport>
  /** @param to must hold no log. */
  salvageDirectory(from: string, to: string, keys: NativeKeys | null): Promise<NativeSalvageReport>
  /** How long the calling thread has had a processor, milliseconds. */
  threadCpuMs(): number
  /** Whether threads may use their processors while they wait: not where a control group grants two processors or fewer. */
  mayWaitAwake(): boolean
  /** Latency of each operation in nanoseconds, in order. */
  runRawBench(options: RawBenchOptions): Promise<Float64Array>
}

/** Must equal kInterfaceVersion of native/binding/addon.cc. */
const interfaceVersion = 9

let loaded: NativeAddon | null = null

/** Loads the addon, once per process and thread: a local build, else the prebuilt binary of this platform, else the package
 *  that brings one.
 *  @throws ERR_NATIVE_UNAVAILABLE, naming the remedy. */
export function loadAddon(): NativeAddon {
  loaded ??= checkedAddon()
  return loaded
}

function checkedAddon(): NativeAddon {
  const addon = findAddon()
  if (addon.interfaceVersion === interfaceVersion) return addon
  throw unavailable(`its interface is ${addon.interfaceVersion}, ${interfaceVersion} is needed`)
}

function findAddon(): NativeAddon {
  const require = createRequire(import.meta.url)
  try {
    const find = require('node-gyp-build') as (root: string) => NativeAddon
    return find(packageRoot(dirname(fileURLToPath(import.meta.url))))
  } catch (cause) {
    try {
      return require(platformPackage()) as NativeAddon
    } catch (error) {
      const isAbsent = (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND'
      const reason = isAbsent ? cause : error
      throw unavailable(reason instanceof Error ? reason.message : String(reason), reason)
    }
  }
}

/** The package that brings the addon for this platform, where a release has one (scripts/release-stage.mjs). */
function platformPackage(): string {
  const name = `clustor-${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${name}-msvc`
  return process.platform === 'linux' ? `${name}-${hasGlibc() ? 'gnu' : 'musl'}` : name
}

/** Takes milliseconds, and is asked only where no binary of our own fits. */
function hasGlibc(): boolean {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return header.glibcVersionRuntime !== undefined
}

/** The folder of our package.json, from whichever output folder this file was compiled into. */
function packageRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(folder)
  if (parent === folder) throw new Error('package.json was not found')
  return packageRoot(parent)
}

function unavailable(reason: string, cause?: unknown): ClustorError {
  const platform = `${process.platform}-${process.arch}`
  return new ClustorError(
    'ERR_NATIVE_UNAVAILABLE',
    `the native addon of clustor cannot be used on ${platform} with Node ${process.versions.node}: ${reason}; ` +
      'compile it with `npm run build:native` in a checkout, or `npm explore clustor -- npm run build:native` where it is installed, ' +
      `or install ${platformPackage()}, if the release has it`,
    { cause, fields: { platform } },
  )
}
