import { ClustorError } from '../../src/base/errors.js'
import { asIndex, type LogIndex, type Term } from '../../src/base/ids.js'
import type { EntryKind } from '../../src/raft/entry-range.js'
import type { HardState } from '../../src/raft/ready.js'
import { countWithin, PayloadCursor, joinBatches, sliceBatch } from '../../src/wal/frames.js'
import type { LogListener } from '../../src/wal/log-driver.js'
import type { LogStatus, StageHistogram } from '../../src/wal/log-report.js'
import type { FrameBatch, LogWrite, RecoveredLog, ReplicaLog } from '../../src/wal/replica-log.js'
import { decodeFrames, encodeFrames } from './frame-codec.js'
import { applyWrite, copyOf, emptyContents, lastIndexOf } from './log-contents.js'
import type { LogContents } from './log-contents.js'

type Done = (error: ClustorError | null) => void

interface QueuedWrite {
  readonly write: LogWrite
  readonly done: Done
}

/** A ReplicaLog in memory. Writes complete when the test says so: `flush()`; `crash()` keeps only what was flushed. */
export class MemoryLog implements ReplicaLog {
  readonly recovered: RecoveredLog
  writeBytesMax = Infinity
  readonly #cursor = new PayloadCursor()
  readonly #queue: QueuedWrite[] = []
  readonly #durable: LogContents
  #submitted: LogContents
  #closed = false
  #poisoned: ClustorError | null = null
  #quarantined: ClustorError | null = null
  readonly #listeners: LogListener[] = []

  constructor(contents: LogContents = emptyContents()) {
    this.#durable = contents
    this.#submitted = copyOf(contents)
    this.recovered = recoveredFrom(contents)
  }

  /** How many writes wait for `flush`. */
  get queuedWrites(): number {
    return this.#queue.length
  }

  /** Completes the oldest queued writes, all of them unless a count is given. */
  flush(countMax = Infinity): void {
    for (let count = 0; count < countMax; count++) {
      const next = this.#queue.shift()
      if (next === undefined) return
      applyWrite(this.#durable, next.write)
      next.done(null)
    }
  }

  /** Fails everything that is queued with an error, as a full disk does. */
  failQueued(error: ClustorError): void {
    const failed = this.#queue.splice(0)
    this.#submitted = copyOf(this.#durable)
    for (const { done } of failed) done(error)
  }

  /** Fails everything queued and everything from here on, as a failed sync does. */
  poison(): void {
    this.#poisoned = new ClustorError('ERR_LOG_POISONED', 'a sync failed earlier')
    this.failQueued(this.#poisoned)
  }

  /** What a new process would find after this one was killed now.
   *  @param landed so many of the queued writes had reached the disk, although nobody was told. */
  crash(landed = 0): MemoryLog {
    const contents = copyOf(this.#durable)
    for (const { write } of this.#queue.slice(0, landed)) applyWrite(contents, write)
    return new MemoryLog(contents)
  }

  /** Whether it takes no writes any more, until a new process opens what is durable. */
  get isBroken(): boolean {
    return this.#poisoned !== null || this.#quarantined !== null
  }

  /** The term and vote that would survive a crash. */
  get durableHardState(): HardState {
    return this.#durable.hardState
  }

  /** An entry that was written, durable or not. */
  submittedEntry(index: number): FrameBatch | undefined {
    return this.#submitted.entries[index - this.#submitted.firstIndex]
  }

  /** An entry that would survive a crash. */
  durableEntry(index: number): FrameBatch | undefined {
    return this.#durable.entries[index - this.#durable.firstIndex]
  }

  encode(
    term: Term,
    firstIndex: LogIndex,
    kind: EntryKind,
    payloads: readonly Uint8Array[],
  ): FrameBatch {
    return encodeFrames(term, firstIndex, kind, payloads)
  }

  decode(bytes: Uint8Array): FrameBatch {
    return decodeFrames(bytes)
  }

  payload(batch: FrameBatch, position: number): Uint8Array {
    return this.#cursor.payload(batch, position)
  }

  persist(write: LogWrite, done: Done): void {
    // As with the real log, what is handed over can be read at once, whatever becomes of it.
    applyWrite(this.#submitted, write)
    const refusal = this.#closed ? new ClustorError('ERR_CLOSED', 'closed') : this.#poisoned
    if (refusal === null) {
      this.#queue.push({ write, done })
      return
    }
    queueMicrotask(() => {
      done(refusal)
    })
  }

  cached(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    return select(this.#submitted, firstIndex, lastIndex, bytesMax)
  }

  read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch> {
    if (firstIndex < this.#durable.firstIndex) {
      return Promise.reject(new ClustorError('ERR_INDEX_COMPACTED', `index ${firstIndex}`))
    }
    const batch = select(this.#durable, firstIndex, lastIndex, bytesMax)
    return batch === null
      ? Promise.reject(new ClustorError('ERR_INDEX_OUT_OF_RANGE', `index ${firstIndex}`))
      : Promise.resolve(batch)
  }

  listen(listener: LogListener): void {
    this.#listeners.push(listener)
  }

  /** What a scrubber does that finds damage. */
  quarantine(error: ClustorError): void {
    this.#quarantined = error
    for (const listener of this.#listeners) listener.quarantined(error)
  }

  rotateKeys(): Promise<void> {
    return Promise.resolve()
  }

  truncatePrefix(before: LogIndex): Promise<void> {
    for (const contents of [this.#durable, this.#submitted]) {
      const dropped = contents.entries.splice(0, Math.max(0, before - contents.firstIndex))
      contents.prevTerm = dropped.at(-1)?.range.runs[0]?.term ?? contents.prevTerm
      contents.firstIndex = asIndex(contents.firstIndex + dropped.length)
    }
    return Promise.resolve()
  }

  status(): LogStatus {
    return {
      firstIndex: this.#submitted.firstIndex,
      lastIndex: lastIndexOf(this.#submitted),
      durableIndex: lastIndexOf(this.#durable),
      segmentCount: 1,
      diskBytes: 0,
      pendingWrites: this.#queue.length,
      pendingBytes: 0,
      cachedBytes: 0,
      blockCount: 0,
      entryCount: 0,
      segmentSyncs: 0,
      ledgerSyncs: 0,
      bytesWritten: 0,
      rotations: 0,
      lateSpares: 0,
      recycledSegments: 0,
      shortages: 0,
      syncInFlightMs: 0,
      stalledMs: 0,
      stalls: 0,
      scrub: { paused: true, coverageAgeMs: 0, verifiedBytes: 0, passes: 0, failures: 0 },
      quarantined: this.#quarantined,
      anchor: null,
      poisoned: this.#poisoned,
      stages: {
        queue: noSamples,
        encode: noSamples,
        write: noSamples,
        sync: noSamples,
        ledger: noSamples,
      },
    }
  }

  close(): Promise<void> {
    this.#closed = true
    this.failQueued(new ClustorError('ERR_CLOSED', 'closed', { outcome: 'unknown' }))
    return Promise.resolve()
  }
}

const noSamples: StageHistogram = { count: 0, totalUs: 0, maxUs: 0, p50Us: 0, p99Us: 0 }

function select(
  contents: LogContents,
  firstIndex: LogIndex,
  lastIndex: LogIndex,
  bytesMax: number,
): FrameBatch | null {
  const position = firstIndex - contents.firstIndex
  const wanted = contents.entries.slice(Math.max(0, position), lastIndex - contents.firstIndex + 1)
  if (position < 0 || wanted.length === 0) return null
  const batch = joinBatches(wanted)
  return sliceBatch(
    batch,
    firstIndex,
    countWithin(batch.range.byteLengths, 0, wanted.length, bytesMax).count,
  )
}

function recoveredFrom(contents: LogContents): RecoveredLog {
  const all = contents.entries.length === 0 ? null : joinBatches(contents.entries)
  const { firstIndex, prevTerm, hardState } = contents
  const lastIndex = lastIndexOf(contents)
  return {
    incarnation: 1,
    hardState,
    entries: {
      firstIndex,
      lastIndex,
      prevTerm,
      runs: all?.range.runs ?? [],
      byteLengths: all?.range.byteLengths ?? new Uint32Array(0),
    },
    report: {
      outcome: lastIndex === 0 ? 'created' : 'clean',
      firstIndex,
      lastIndex,
      provenIndex: lastIndex,
      unprovenBlocks: 0,
      segmentCount: 1,
      scannedBytes: 0,
      droppedBytes: 0,
      durationMs: 0,
    },
  }
}
