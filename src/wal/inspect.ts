import type { ClustorError } from '../base/errors.js'
import { loadAddon, type NativeDumpItem, type NativeVerifyReport } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import { withKeys, type KeyRing } from './key-ring.js'
import type { RecoveryReport } from './log-report.js'
import { toEntryProof, type EntryProof } from './proof.js'
import { toRecoveredLog, toReport } from './recovered.js'
import type { RecoveredLog } from './replica-log.js'

/** What is in the files of a log, as far as it can be told without opening it. */
export interface VerifyReport {
  /** Null when the log would open; else the error that opening it would throw. */
  readonly verdict: ClustorError | null
  readonly identity: {
    readonly cluster: string
    readonly partition: string
    readonly replica: number
    readonly incarnation: number
  }
  /** Whether a process has the log open; a tail that grows meanwhile is no finding. */
  readonly locked: boolean
  readonly recovery: RecoveryReport
}

/** How the bytes of a log are used. */
export interface DirectoryStats {
  readonly verify: VerifyReport
  readonly segmentCount: number
  readonly entryCount: number
  /** Frames in blocks: entries, and the hard state that every segment repeats. */
  readonly frameBytes: number
  /** Zeros that align blocks. */
  readonly paddingBytes: number
  readonly ledgerRecords: number
  readonly ledgerRecordsBad: number
  readonly tailSegment: number
  readonly tailOffset: number
}

/** One thing in the files: segments in order with their blocks and records, then the ledger. */
export type DumpItem = NativeDumpItem

/** How to look into a directory. */
export interface InspectOptions {
  /** Where segments and ledger live; default `wal` inside the directory. */
  readonly walDirectory?: string | undefined
  /** For encrypted segments; without them the verdict on such a log is ERR_KEY_UNKNOWN_EPOCH. */
  readonly keys?: KeyRing | undefined
}

export interface DumpOptions extends InspectOptions {
  /** Leaves out blocks whose entries all have a lower index, with everything in them. Where a segment has its index file,
   *  they are not read either. Default 0: nothing is left out. */
  readonly from?: number | undefined
}

/** How many items one native call brings. */
const dumpItemsPerCall = 512

/** Reads a log directory and judges it. Changes nothing, takes no lock.
 *  @throws ERR_IO and its kin when files cannot be read; what is wrong *in* them is in the verdict. */
export async function verifyDirectory(
  directory: string,
  options: InspectOptions = {},
): Promise<VerifyReport> {
  return toVerifyReport(await nativeReport(directory, options))
}

/** The log of a replica as opening it would find it. Changes nothing, takes no lock.
 *  @throws what `verifyDirectory` has as its verdict; ERR_IO and its kin. */
export async function inspectReplicaLog(
  directory: string,
  options: InspectOptions = {},
): Promise<Pick<VerifyReport, 'identity' | 'locked'> & { readonly recovered: RecoveredLog }> {
  const { verdict, identity, locked, recovery } = await nativeReport(directory, options)
  if (verdict !== null) throw toClustorError(verdict)
  return { identity, locked, recovered: toRecoveredLog(recovery) }
}

/** Counts what a log directory holds. As `verifyDirectory` otherwise. */
export async function statsDirectory(
  directory: string,
  options: InspectOptions = {},
): Promise<DirectoryStats> {
  const report = await nativeReport(directory, options)
  const { recovery } = report
  return {
    verify: toVerifyReport(report),
    segmentCount: recovery.segments,
    entryCount: recovery.entries.byteLengths.length,
    frameBytes: report.blockPayloadBytes,
    paddingBytes: report.paddingBytes,
    ledgerRecords: recovery.ledgerRecords,
    ledgerRecordsBad: recovery.ledgerRecordsBad,
    tailSegment: recovery.tailSegment,
    tailOffset: recovery.tailOffset,
  }
}

/** Walks through everything in the files of a log, one block in memory at a time. A file that does not verify yields an
 *  item of type `invalid`, and the walk goes on with the next file. Changes nothing, takes no lock. */
export async function* dumpDirectory(
  directory: string,
  { walDirectory = '', keys: ring, from = 0 }: DumpOptions = {},
): AsyncGenerator<DumpItem, void, undefined> {
  try {
    const next = await withKeys(ring, (keys) =>
      loadAddon().dumpDirectory(directory, walDirectory, keys, from),
    )
    for (;;) {
      const items = await next(dumpItemsPerCall)
      if (items.length === 0) return
      yield* items
    }
  } catch (error) {
    throw toClustorError(error)
  }
}

/** Proves that an entry is part of its segment, as `DurableLog.prove`. Changes nothing, takes no lock.
 *  @throws ERR_INDEX_COMPACTED, ERR_INDEX_OUT_OF_RANGE; what `verifyDirectory` has as its verdict; ERR_IO and its kin. */
export async function proveEntry(
  directory: string,
  index: number,
  { walDirectory = '', keys: ring }: InspectOptions = {},
): Promise<EntryProof> {
  try {
    const proof = await withKeys(ring, (keys) =>
      loadAddon().proveDirectory(directory, walDirectory, keys, index),
    )
    return toEntryProof(proof)
  } catch (error) {
    throw toClustorError(error)
  }
}

async function nativeReport(
  directory: string,
  { walDirectory = '', keys: ring }: InspectOptions,
): Promise<NativeVerifyReport> {
  try {
    return await withKeys(ring, (keys) =>
      loadAddon().verifyDirectory(directory, walDirectory, keys),
    )
  } catch (error) {
    throw toClustorError(error)
  }
}

function toVerifyReport(report: NativeVerifyReport): VerifyReport {
  return {
    verdict: report.verdict === null ? null : toClustorError(report.verdict),
    identity: report.identity,
    locked: report.locked,
    recovery: toReport(report.recovery),
  }
}
