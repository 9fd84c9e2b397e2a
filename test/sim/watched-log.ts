import type { ClustorError, ErrorCode } from '../../src/base/errors.js'
import { asIndex } from '../../src/base/ids.js'
import type { LogIndex, Term } from '../../src/base/ids.js'
import type { EntryKind } from '../../src/raft/entry-range.js'
import type { HardState } from '../../src/raft/ready.js'
import { sliceBatch } from '../../src/wal/frames.js'
import type { KeyRing } from '../../src/wal/key-ring.js'
import type { LogListener } from '../../src/wal/log-driver.js'
import type { LogStatus } from '../../src/wal/log-report.js'
import type { FrameBatch, LogWrite, RecoveredLog, ReplicaLog } from '../../src/wal/replica-log.js'
import {
  applyWrite,
  copyOf,
  emptyContents,
  entriesOf,
  lastIndexOf,
} from '../support/log-contents.js'
import type { LogContents } from '../support/log-contents.js'
import { expect } from './checkers/checker.js'
import type { FaultCounts } from './faults.js'

type Done = (error: ClustorError | null) => void

/** Refusals that leave nothing behind (native/wal/log.h). All others may be found when the log is opened again. */
const harmless: ReadonlySet<ErrorCode> = new Set([
  'ERR_DISK_FULL',
  'ERR_INVALID_ARGUMENT',
  'ERR_CLOSED',
])

/** What a process left behind: `durable`, and as many of the `open` writes, in their order, as it pleases the disk. */
export interface Promised {
  readonly durable: LogContents
  readonly open: readonly LogWrite[]
}

export const nothingPromised = (): Promised => ({ durable: emptyContents(), open: [] })

/** Watches a log that was just opened.
 *  @param submitted called when a write is on its way.
 *  @throws when it does not show what was promised before. */
export async function watch(
  log: ReplicaLog,
  { durable, open }: Promised,
  { faults, submitted }: { readonly faults: FaultCounts; readonly submitted: () => void },
): Promise<WatchedLog> {
  const found = await contentsOf(log)
  const expected = copyOf(durable)
  let landed = 0
  for (const write of open) {
    if (isSame(found, expected)) break
    applyWrite(expected, write)
    landed += 1
  }
  const details = { found: summary(found), promised: summary(durable) }
  expect(isSame(found, expected), 'the log keeps its promises', details)
  faults.unacknowledgedWriteKept += landed
  faults.unsyncedWriteLost += open.length - landed
  return new WatchedLog(log, expected, { faults, submitted })
}

/** A log under watch: notes what it promised, and holds the next opening to it. What was acknowledged is there, byte for byte
 *  and in order; behind it, at most what was written and not refused. */
export class WatchedLog implements ReplicaLog {
  readonly recovered: RecoveredLog
  readonly #log: ReplicaLog
  readonly #faults: FaultCounts
  readonly #submitted: () => void
  /** What is acknowledged. */
  readonly #durable: LogContents
  /** What may follow it: writes that are under way, and such that failed without a word about what is left of them. */
  readonly #open: LogWrite[] = []
  #queuedWrites = 0
  #isBroken = false
  #isDead = false
  /** Null when something has happened since. */
  #status: LogStatus | null = null

  /** @param durable what it holds. */
  constructor(
    log: ReplicaLog,
    durable: LogContents,
    { faults, submitted }: { readonly faults: FaultCounts; readonly submitted: () => void },
  ) {
    this.#log = log
    this.recovered = log.recovered
    this.#durable = durable
    this.#faults = faults
    this.#submitted = submitted
    log.listen({
      stalled: () => undefined,
      quarantined: () => {
        this.#isBroken = true
        this.#status = null
        this.#faults.bitRot += 1
      },
    })
  }

  get queuedWrites(): number {
    return this.#queuedWrites
  }

  /** Also when it broke in the background, and no write has heard of it yet. */
  get isBroken(): boolean {
    return this.#isBroken || (!this.#isDead && this.#log.status().poisoned !== null)
  }

  get durableHardState(): HardState {
    return this.#durable.hardState
  }

  durableEntry(index: number): FrameBatch | undefined {
    return this.#durable.entries[index - this.#durable.firstIndex]
  }

  submittedEntry(index: number): FrameBatch | undefined {
    const at = asIndex(index)
    return this.#log.cached(at, at, 1) ?? this.#openEntry(at) ?? this.durableEntry(index)
  }

  /** What the next process must find. */
  get promised(): Promised {
    return { durable: this.#durable, open: this.#open }
  }

  /** The process is dead: nobody hears of its writes any more. */
  die(): void {
    this.#isDead = true
  }

  async readAll(): Promise<void> {
    const { firstIndex } = this.#durable
    const lastIndex = lastIndexOf(this.#durable)
    if (lastIndex < firstIndex) return
    // Damage is told to listeners; the reader's own error says nothing else.
    await this.#log.read(firstIndex, lastIndex, Number.MAX_SAFE_INTEGER).catch(() => undefined)
  }

  get writeBytesMax(): number {
    return this.#log.writeBytesMax
  }

  persist(write: LogWrite, done: Done): void {
    this.#status = null
    this.#open.push(write)
    this.#queuedWrites += 1
    this.#log.persist(write, (error) => {
      this.#completed(write, error)
      if (!this.#isDead) done(error)
    })
    this.#submitted()
  }

  #openEntry(index: LogIndex): FrameBatch | undefined {
    const { frames } = this.#open.findLast(({ frames }) => holds(frames, index)) ?? {}
    return frames === undefined ? undefined : sliceBatch(frames, index, 1)
  }

  #completed(write: LogWrite, error: ClustorError | null): void {
    this.#queuedWrites -= 1
    this.#status = null
    if (error === null) {
      expect(this.#open.shift() === write, 'writes complete in order', {})
      applyWrite(this.#durable, write)
      this.#faults.unacknowledgedWriteKept += Number(this.#isDead)
    } else if (harmless.has(error.code) && !this.#isDead) {
      this.#faults.diskFull += Number(error.code === 'ERR_DISK_FULL')
      this.#open.splice(this.#open.indexOf(write), 1)
    } else if (error.code === 'ERR_LOG_POISONED' && !this.#isBroken) {
      this.#isBroken = true
      this.#faults.syncFailed += Number(!this.#isDead)
    }
  }

  encode(
    term: Term,
    firstIndex: LogIndex,
    kind: EntryKind,
    payloads: readonly Uint8Array[],
  ): FrameBatch {
    return this.#log.encode(term, firstIndex, kind, payloads)
  }

  decode(bytes: Uint8Array): FrameBatch {
    return this.#log.decode(bytes)
  }

  payload(batch: FrameBatch, position: number): Uint8Array {
    return this.#log.payload(batch, position)
  }

  cached(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    return this.#log.cached(firstIndex, lastIndex, bytesMax)
  }

  read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch> {
    return this.#log.read(firstIndex, lastIndex, bytesMax)
  }

  truncatePrefix(before: LogIndex): Promise<void> {
    return this.#log.truncatePrefix(before)
  }

  listen(listener: LogListener): void {
    this.#log.listen(listener)
  }

  rotateKeys(ring: KeyRing): Promise<void> {
    return this.#log.rotateKeys(ring)
  }

  /** Asked for after every step, and seldom another one than before. */
  status(): LogStatus {
    this.#status ??= this.#log.status()
    return this.#status
  }

  close(): Promise<void> {
    return this.#log.close()
  }
}

async function contentsOf(log: ReplicaLog): Promise<LogContents> {
  const { hardState, entries } = log.recovered
  const { firstIndex, lastIndex, prevTerm } = entries
  const contents: LogContents = { hardState, firstIndex, prevTerm, entries: [] }
  for (let next = firstIndex; next <= lastIndex; next = asIndex(lastIndexOf(contents) + 1)) {
    const batch = await log.read(next, lastIndex, Number.MAX_SAFE_INTEGER)
    contents.entries.push(...entriesOf(batch))
  }
  return contents
}

function isSame(a: LogContents, b: LogContents): boolean {
  const { term, vote, commitIndex } = a.hardState
  const { hardState, entries } = b
  return (
    hardState.term === term &&
    hardState.vote === vote &&
    hardState.commitIndex === commitIndex &&
    a.firstIndex === b.firstIndex &&
    a.entries.length === entries.length &&
    a.entries.every(({ bytes }, at) => isEqual(bytes, entries[at]?.bytes))
  )
}

const holds = (frames: FrameBatch | undefined, index: LogIndex): boolean =>
  frames !== undefined && index >= frames.range.firstIndex && index <= frames.range.lastIndex

const isEqual = (a: Uint8Array, b: Uint8Array | undefined): boolean =>
  b !== undefined && Buffer.compare(a, b) === 0

const summary = ({ hardState, entries }: LogContents): object => ({
  ...hardState,
  entries: entries.length,
})
