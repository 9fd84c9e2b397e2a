import { ClustorError } from '../base/errors.js'
import { AppendQueue, type Appended, type AppendedRange } from './append-queue.js'
import { KeyRing } from './key-ring.js'
import { closedError, LogDriver, type PendingWrite } from './log-driver.js'
import { readEntries, type LogEntry } from './log-reader.js'
import type { LogStatus, RecoveryReport } from './log-report.js'
import { readLogSettings, type LogSettings, type OpenLogOptions } from './log-settings.js'
import { readStatus } from './log-status.js'
import { toEntryProof, type EntryProof } from './proof.js'
import { toReport } from './recovered.js'
import type { ScrubReport } from './scrubber.js'

export type { Appended, AppendedRange }

/** What to read; both ends are included. */
export interface ReadOptions {
  /** Default: the first entry that is there. */
  readonly from?: number | undefined
  /** Default: the last entry that is durable at the call. */
  readonly to?: number | undefined
}

/** Where no Raft runs there is one term. */
const onlyTerm = 1

/** A durable log of one directory. What `append` resolved survives crashes: its block was synced in a segment, then
 *  recorded and synced in the durability ledger (docs/wal-format.md).
 *
 *  Entries are numbered 1, 2, 3, … in the order of the calls, and resolve in that order. Small appends of one turn of
 *  the event loop travel in one native call. Close it: an open log holds the lock of its directory. */
export class DurableLog {
  readonly #driver: LogDriver
  readonly #appends: AppendQueue
  #closing: Promise<void> | null = null

  private constructor(driver: LogDriver, settings: LogSettings) {
    this.#driver = driver
    // A log that a replica wrote goes on in its last term.
    const term = Math.max(onlyTerm, driver.stats().durableTerm)
    this.#appends = new AppendQueue(driver, settings, term)
  }

  /** Opens the log of a directory, or creates it, and recovers what a crash left behind.
   *  @returns the log, and what recovery found.
   *  @throws ERR_INVALID_ARGUMENT for an unknown option or one out of bounds; ERR_LOCKED (fields.ownerPid) when another
   *  log has it open; ERR_IDENTITY_MISMATCH when it is somebody else's; ERR_NOT_WRITABLE; ERR_LOG_CORRUPT when durable
   *  bytes are gone or rotten, and then nothing was changed; ERR_FORMAT_NEWER; ERR_DISK_FULL; ERR_IO;
   *  ERR_NATIVE_UNAVAILABLE. */
  static async open(
    options: OpenLogOptions,
  ): Promise<{ readonly log: DurableLog; readonly recovery: RecoveryReport }> {
    const settings = readLogSettings(options, 'DurableLog.open')
    const { driver, recovery } = await LogDriver.open(settings, { recoverEntries: false })
    return { log: new DurableLog(driver, settings), recovery: toReport(recovery) }
  }

  /** Appends one entry and resolves when it is durable. The payload is copied before the call returns.
   *  @param payload 0 to payloadBytesMax bytes.
   *  @throws (rejects) ERR_TOO_LARGE; ERR_BUSY when appendQueueBytesMax bytes wait already, nothing was appended;
   *  ERR_DISK_FULL, nothing was appended and later appends may succeed; ERR_LOG_POISONED after a failed sync, the entry
   *  may or may not be found when the log is opened again (`outcome` says which errors leave that open); ERR_CLOSED. */
  append(payload: Uint8Array): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.#appends.add(checkedPayload(payload), { resolve, reject })
    })
  }

  /** Appends one entry and blocks the thread, and with it its event loop, until the entry is durable: for scripts, workers
   *  and start-up, where that costs nobody anything. It saves the two wake-ups of other threads that a promise takes. What
   *  was appended before is durable first, and its promises resolve after the call returns.
   *  @throws what `append` rejects with. */
  appendSync(payload: Uint8Array): Appended {
    return this.#appends.addNow(checkedPayload(payload))
  }

  /** Appends entries as one unit: they become durable together, or none of them does. Otherwise as `append`.
   *  @param payloads at least one; their frames (33 bytes more each) must fit into one segment. */
  appendBatch(payloads: readonly Uint8Array[]): Promise<AppendedRange> {
    return new Promise((resolve, reject) => {
      if (payloads.length === 0) throw invalid('a batch needs at least one payload')
      this.#appends.addBatch(payloads.map(checkedPayload), { resolve, reject })
    })
  }

  /** Walks through durable entries in order, verified, at most about 1 MiB in memory.
   *  @throws (while iterating) ERR_INDEX_COMPACTED below the first entry; ERR_INDEX_OUT_OF_RANGE above the last durable
   *  one; ERR_LOG_CORRUPT; ERR_CLOSED when the log is closed meanwhile. */
  read(options: ReadOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    const { firstIndex, durableIndex } = this.#driver.closed
      ? { firstIndex: 1, durableIndex: 1 } // The walk itself refuses.
      : this.#driver.stats()
    const { from = firstIndex, to = durableIndex } = options
    checkIndex('from', from)
    checkIndex('to', to)
    return readEntries(this.#driver, { from, to })
  }

  /** Lets go of entries below `before`. Whole segments are removed, so some of them may stay readable.
   *  @throws (rejects) ERR_INVALID_ARGUMENT; ERR_INDEX_OUT_OF_RANGE beyond the durable entries; ERR_CLOSED; ERR_IO. */
  async truncatePrefix({ before }: { readonly before: number }): Promise<void> {
    checkIndex('before', before)
    if (this.#driver.closed) throw closedError()
    // Entries are durable before their appends hear of it; `stats` counts them as well.
    const { durableIndex } = this.#driver.stats()
    if (before > durableIndex + 1) throw outOfRange(before, durableIndex)
    await this.#driver.ask((native) => native.truncatePrefix(before))
  }

  /** Drops the entries from an index on, appends under way included; resolves when that is durable. The next append
   *  takes that index.
   *  @throws (rejects) ERR_INDEX_COMPACTED; ERR_INDEX_OUT_OF_RANGE; ERR_CLOSED; and as `append`. */
  async truncateSuffix({ from }: { readonly from: number }): Promise<void> {
    checkIndex('from', from)
    this.#appends.flush()
    this.#checkTruncation(from)
    const sequence = this.#driver.native.submit(null, from, null, null, 0, 0)
    if (sequence === 0) throw closedError()
    this.#appends.continueFrom(from)
    await new Promise<void>((resolve, reject) => {
      this.#driver.submitted(new PendingTruncation(resolve, reject), sequence)
    })
  }

  /** Proves that an entry is part of its segment, to whoever believes the segment's root. Reads the whole segment.
   *  @throws (rejects) as `read`. */
  async prove(index: number): Promise<EntryProof> {
    checkIndex('index', index)
    return toEntryProof(await this.#driver.ask((native) => native.prove(index)))
  }

  /** The root of a segment's Merkle tree, 32 bytes; `prove` names the segment of an entry. That of a segment that is not
   *  the last one changes only when a truncation reaches into it.
   *  @throws (rejects) ERR_INDEX_OUT_OF_RANGE when there is no such segment; as `read`. */
  async merkleRoot(segment: number): Promise<Uint8Array> {
    checkIndex('segment', segment)
    return await this.#driver.ask((native) => native.merkleRoot(segment))
  }

  /** Takes other keys while the log runs: the next write begins a segment under the active epochs of the ring. Segments
   *  that are there keep theirs, so the ring must hold the epochs that they need; `clustor log reencrypt` rewrites them.
   *  @throws (rejects) ERR_KEY_UNKNOWN_EPOCH when an epoch that a segment needs is missing; ERR_KEY_WRONG;
   *  ERR_KEY_PROVIDER_FAILED; ERR_LOG_POISONED; ERR_CLOSED. The keys are then as before. */
  async rotateKeys(ring: KeyRing): Promise<void> {
    if (!(ring instanceof KeyRing)) throw invalid('rotateKeys needs a KeyRing')
    await this.#driver.rotateKeys(ring)
  }

  /** Verifies every durable byte now, in small steps beside everything else. The background scrubber goes on by itself.
   *  @throws (rejects) ERR_LOG_CORRUPT for damage, with segment, offset and indexes: the log is quarantined then;
   *  ERR_ABORTED; ERR_CLOSED; ERR_IO when something cannot be read. */
  async scrub({ signal }: { readonly signal?: AbortSignal } = {}): Promise<ScrubReport> {
    if (this.#driver.closed) throw closedError()
    return await this.#driver.scrub(signal)
  }

  /** Stops the background scrubber until `resumeScrub`. */
  pauseScrub(): void {
    this.#driver.scrubber.pause()
  }

  /** Lets the background scrubber go on. */
  resumeScrub(): void {
    if (!this.#driver.closed) this.#driver.scrubber.resume()
  }

  /** Counters and the time each stage of an append takes. Also answers after `close`. */
  stats(): LogStatus {
    const lastIndex = this.#appends.nextIndex - 1
    return readStatus(this.#driver, { lastIndex, cachedBytes: 0 })
  }

  /** Makes durable what was appended before the call, rejects what cannot be with ERR_CLOSED or its own failure, and
   *  releases the directory. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#appends.flush()
    const closing = this.#driver.close()
    this.#appends.rejectStaged(closedError())
    await closing
  }

  #checkTruncation(from: number): void {
    if (this.#driver.closed) throw closedError()
    if (this.#driver.shortage !== null) throw this.#driver.shortage
    const { firstIndex } = this.#driver.stats()
    if (from < firstIndex) {
      throw new ClustorError(
        'ERR_INDEX_COMPACTED',
        `index ${from}; the log begins at ${firstIndex}`,
        {
          fields: { index: from, firstIndex },
        },
      )
    }
    if (from > this.#appends.nextIndex) throw outOfRange(from, this.#appends.nextIndex - 1)
  }
}

/** A truncation that waits to be durable. */
class PendingTruncation implements PendingWrite {
  readonly #resolve: () => void
  readonly #reject: (error: ClustorError) => void
  readonly entries = 0
  readonly bytes = 0
  sequence = 0

  constructor(resolve: () => void, reject: (error: ClustorError) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  settle(error: ClustorError | null): void {
    if (error === null) this.#resolve()
    else this.#reject(error)
  }
}

function checkedPayload(payload: Uint8Array): Uint8Array {
  if (payload instanceof Uint8Array) return payload
  throw invalid('a payload must be a Uint8Array')
}

function checkIndex(name: string, index: number): void {
  if (Number.isSafeInteger(index) && index >= 0) return
  throw invalid(`${name} must be an index, not ${String(index)}`)
}

const invalid = (message: string): ClustorError => new ClustorError('ERR_INVALID_ARGUMENT', message)

const outOfRange = (index: number, lastIndex: number): ClustorError =>
  new ClustorError('ERR_INDEX_OUT_OF_RANGE', `index ${index}; the log ends at ${lastIndex}`, {
    fields: { index, lastIndex },
  })
