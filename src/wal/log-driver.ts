import { ClustorError, type ErrorCode } from '../base/errors.js'
import type { Timers } from '../base/timers.js'
import type {
  NativeCompletion,
  NativeLog,
  NativeProgress,
  NativeRecovery,
} from '../native/addon.js'
import { readStats, type NativeStats } from '../native/log-stats.js'
import { toClustorError } from '../native/native-error.js'
import { CompletionPoller, type PollPorts } from './completion-poller.js'
import { guarded } from './guarded.js'
import { withKeys, type KeyRing } from './key-ring.js'
import { processHost, type LogHost } from './log-host.js'
import { toNativeOptions, type LogSettings } from './log-settings.js'
import { reportProgress } from './open-progress.js'
import { Scrubber, type ScrubReport } from './scrubber.js'
import { StallWatch, type Stall } from './stall-watch.js'

/** Something that waits for a write. */
export interface PendingWrite {
  /** Sequence number of the write, set when it is submitted. */
  sequence: number
  readonly entries: number
  /** Bytes of its frames. */
  readonly bytes: number
  /** Called once, in the order of sequence numbers. */
  settle(error: ClustorError | null): void
}

/** What the owner of a driver does when a write failed. */
export interface DriverOwner {
  /** A write failed; the log ends at durableIndex. Called before the write is settled. */
  failed(durableIndex: number): void
  /** Everything that was submitted before the failure has been settled: submitting may go on. */
  resumed(): void
}

/** Hears what happens to an open log besides the outcomes of writes. */
export interface LogListener {
  /** The disk does not answer, or does again. */
  stalled(stall: Stall): void
  /** Durable bytes are damaged: the log takes no more writes. Once only. */
  quarantined(error: ClustorError): void
}

/** Failures after which the log goes on: nothing was written. */
const shortages: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_DISK_FULL',
  'ERR_QUOTA_EXCEEDED',
  'ERR_TOO_MANY_FILES',
  'ERR_OUT_OF_MEMORY',
])

/** Where more entries wait together, to be woken for them costs each of them little. */
const polledEntriesMax = 4
/** And to copy more takes longer than to be woken. */
const polledBytesMax = 64 * 1024

/** Whether the writes from `head` on are worth polling for: some, but little. */
function isLittle(writes: readonly PendingWrite[], head: number): boolean {
  const waiting = writes.length - head
  if (waiting === 0 || waiting > polledEntriesMax) return false
  let entries = 0
  let bytes = 0
  for (let at = head; at < writes.length; at++) {
    entries += writes[at]?.entries ?? 0
    bytes += writes[at]?.bytes ?? 0
  }
  return entries <= polledEntriesMax && bytes <= polledBytesMax
}

/** Drives one native log: settles writes in order and keeps the rule of failures.
 *
 *  The rule: a write that fails takes those queued behind it along, but writes travel while the news comes back. Such
 *  a write continues entries that are not there, and the log refuses it as not contiguous. So after a failure nothing
 *  is submitted until all that was under way has come back; refusals of that time carry the code of the shortage. */
export class LogDriver {
  readonly native: NativeLog
  readonly #pending: PendingWrite[] = []
  readonly #settings: LogSettings
  readonly #timers: Timers
  readonly #watch: StallWatch
  readonly #poller: CompletionPoller
  readonly #scrubber: Scrubber
  #owner: DriverOwner | null = null
  readonly #listeners: LogListener[] = []
  /** The settled writes at the front of #pending that have not been cut off yet. */
  #head = 0
  #durableIndex: number
  #submittedSequence = 0
  /** After a failure: settled up to here, submitting may go on. */
  #drainSequence = 0
  #drained = true
  #shortage: ClustorError | null = null
  #quarantine: ClustorError | null = null
  /** When something last became durable, or first waited for it. */
  #progressMs = 0
  #closing: Promise<void> | null = null

  private constructor(
    native: NativeLog,
    recovery: NativeRecovery,
    settings: LogSettings,
    { timers, turns }: LogHost,
  ) {
    this.native = native
    this.#timers = timers
    this.#durableIndex = recovery.entries.lastIndex
    this.#settings = settings
    this.#watch = new StallWatch(settings.syncStallMs, this.#stallPorts(), timers)
    this.#scrubber = new Scrubber(settings, this.#scrubPorts(), timers)
    this.#poller = new CompletionPoller(
      this.#pollPorts(),
      turns,
      settings.completionPollUsMax / 1e3,
    )
  }

  /** Opens the log; `attach` must be called before anything is submitted.
   *  @param recoverEntries whether the report lists terms, kinds and lengths of entries: 4 bytes of memory for each.
   *  @throws ERR_LOCKED, ERR_IDENTITY_MISMATCH, ERR_NOT_WRITABLE, ERR_UNSAFE_FILE_SYSTEM, ERR_LOG_CORRUPT,
   *  ERR_FORMAT_NEWER, ERR_CODEC_MISMATCH, ERR_DISK_FULL, ERR_IO; fields say where. */
  static async open(
    settings: LogSettings,
    { recoverEntries }: { readonly recoverEntries: boolean },
    host: LogHost = processHost,
  ): Promise<{ readonly driver: LogDriver; readonly recovery: NativeRecovery }> {
    // Nothing completes before something is submitted, and that needs the driver.
    const drivers: LogDriver[] = []
    const complete: NativeCompletion = (throughSequence, durableIndex, error) => {
      for (const driver of drivers) driver.#complete(throughSequence, durableIndex, error)
    }
    const { progress, ended } = watchOpening(settings, host)
    try {
      const { log, recovery } = await withKeys(settings.keys, (keys) =>
        host.openLog(toNativeOptions(settings, { recoverEntries, progress, keys }), complete),
      )
      const driver = new LogDriver(log, recovery, settings, host)
      drivers.push(driver)
      ended(true)
      return { driver, recovery }
    } catch (error) {
      ended(false)
      throw toClustorError(error)
    }
  }

  attach(owner: DriverOwner): void {
    this.#owner = owner
  }

  /** Adds somebody who hears what happens to the log. */
  listen(listener: LogListener): void {
    this.#listeners.push(listener)
  }

  /** The present stall and how many there were. */
  get stalls(): { readonly stalledMs: number; readonly count: number } {
    return { stalledMs: this.#watch.stalledMs, count: this.#watch.count }
  }

  /** The background scrubber, to be paused, resumed and looked at. */
  get scrubber(): Pick<Scrubber, 'pause' | 'resume' | 'status'> {
    return this.#scrubber
  }

  /** Verifies everything at once.
   *  @throws ERR_LOG_QUARANTINED for damage, ERR_ABORTED, ERR_CLOSED, ERR_IO. */
  scrub(signal: AbortSignal | undefined): Promise<ScrubReport> {
    const next = this.native.newScrub()
    return this.#scrubber.run(
      (bytesMax) => this.ask(() => next(bytesMax)),
      signal,
      () => new ClustorError('ERR_ABORTED', 'the scrub was ended by its caller'),
    )
  }

  /** Asks the addon for something that reads the log, and takes note of damage that it finds.
   *  @throws ERR_CLOSED, and what the addon says; damage as ERR_LOG_QUARANTINED. */
  async ask<Answer>(question: (native: NativeLog) => Promise<Answer>): Promise<Answer> {
    if (this.closed) throw closedError()
    try {
      return await question(this.native)
    } catch (thrown) {
      const error = toClustorError(thrown)
      if (error.code === 'ERR_LOG_CORRUPT') this.#lookForQuarantine()
      throw error
    }
  }

  /** Takes other keys for new segments; see DurableLog.rotateKeys. */
  async rotateKeys(ring: KeyRing): Promise<void> {
    await this.ask((native) => withKeys(ring, (keys) => native.setKeys(keys)))
  }

  /** Counters of the addon. */
  stats(): NativeStats {
    return readStats(this.native)
  }

  /** The last entry that is durable. */
  get durableIndex(): number {
    return this.#durableIndex
  }

  /** Whether submitting is allowed: not closed, and nothing left over from a failure. */
  get ready(): boolean {
    return this.#drained && this.#closing === null
  }

  get closed(): boolean {
    return this.#closing !== null
  }

  /** The shortage that `ready` waits to be over with. */
  get shortage(): ClustorError | null {
    return this.#drained ? null : this.#shortage
  }

  /** Remembers a write that was submitted; calls come in the order of sequence numbers. */
  submitted(write: PendingWrite, sequence: number): void {
    write.sequence = sequence
    this.#submittedSequence = sequence
    if (this.#pending.length === 0) {
      this.#progressMs = this.#timers.now()
      this.#watch.wake()
    }
    this.#pending.push(write)
    this.#poller.wake()
  }

  /** Blocks until everything that was submitted is settled. Not after `close`. */
  commitAll(): void {
    this.native.commitThrough(this.#submittedSequence)
  }

  /** Commits what was submitted, settles it, releases the directory. Idempotent. */
  close(): Promise<void> {
    this.#scrubber.stop()
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      await this.native.close()
    } catch (error) {
      throw toClustorError(error)
    } finally {
      this.#settleThrough(Number.MAX_SAFE_INTEGER, closedError())
      this.#watch.stop()
    }
  }

  #stallPorts(): ConstructorParameters<typeof StallWatch>[1] {
    return {
      waitedMs: () => (this.#pending.length === 0 ? 0 : this.#timers.now() - this.#progressMs),
      onStall: (stall) => {
        this.#tell(
          (listener) => listener.stalled(stall),
          () => this.#settings.callbacks.onStall?.(stall),
        )
      },
    }
  }

  #pollPorts(): PollPorts {
    return {
      start: () => {
        this.native.startPolling()
      },
      poll: () => this.native.poll(),
      stop: () => {
        this.native.stopPolling()
      },
      isWorthwhile: () => !this.closed && isLittle(this.#pending, this.#head),
      now: () => this.#timers.now(),
    }
  }

  #scrubPorts(): ConstructorParameters<typeof Scrubber>[1] {
    const next = this.native.newScrub()
    return {
      step: (bytesMax) => this.ask(() => next(bytesMax)),
      totalBytes: () => this.stats().segmentBytes,
      isDamage: () => this.#quarantine !== null || this.closed,
    }
  }

  /** The addon quarantines a log by itself when it finds damage; here it becomes known. */
  #lookForQuarantine(): void {
    const { quarantine } = this.stats()
    if (quarantine === null || this.#quarantine !== null) return
    const error = toClustorError(quarantine)
    this.#quarantine = error
    this.#scrubber.stop()
    this.#tell(
      (listener) => listener.quarantined(error),
      () => this.#settings.callbacks.onQuarantine?.(error),
    )
  }

  #tell(listener: (listener: LogListener) => void, callback: () => void): void {
    for (const each of this.#listeners) guarded(() => listener(each))
    guarded(callback)
  }

  #complete(throughSequence: number, durableIndex: number, thrown: Error | undefined): void {
    const error = thrown === undefined ? null : toClustorError(thrown)
    this.#durableIndex = durableIndex
    const nowMs = this.#timers.now()
    this.#poller.completed(nowMs - this.#progressMs)
    this.#progressMs = nowMs
    if (error === null) {
      this.#settleThrough(throughSequence, null)
    } else {
      this.#fail(throughSequence, error)
    }
    if (!this.#drained && throughSequence >= this.#drainSequence) this.#resume()
    // Last: what listeners do may bring the next completion before this returns.
    if (error?.code === 'ERR_LOG_QUARANTINED') this.#lookForQuarantine()
  }

  #resume(): void {
    this.#drained = true
    this.#shortage = null
    if (!this.closed) this.#owner?.resumed()
  }

  #fail(throughSequence: number, error: ClustorError): void {
    const follows = error.code === 'ERR_INVALID_ARGUMENT' && this.#shortage !== null
    if (shortages.has(error.code)) this.#shortage ??= error
    this.#drained = false
    this.#drainSequence = this.#submittedSequence
    this.#owner?.failed(this.#durableIndex)
    this.#settleThrough(throughSequence, follows ? this.#shortage : error)
  }

  #settleThrough(throughSequence: number, error: ClustorError | null): void {
    for (;;) {
      const write = this.#pending[this.#head]
      if (write === undefined || write.sequence > throughSequence) break
      this.#head += 1
      // The caller of this is native code, which cannot pass an exception on.
      guarded(() => write.settle(error))
    }
    if (this.#head === this.#pending.length) {
      this.#pending.length = 0
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#pending.splice(0, this.#head)
      this.#head = 0
    }
  }
}

/** Lets the owner of a log look on while it is opened. */
function watchOpening(
  { callbacks: { onProgress } }: LogSettings,
  host: LogHost,
): {
  readonly progress: NativeProgress | null
  readonly ended: (done: boolean) => void
} {
  if (onProgress === undefined) return { progress: null, ended: () => undefined }
  const progress = host.openProgress()
  return { progress, ended: reportProgress(progress, onProgress, host.timers) }
}

/** The error of everything that is asked of a closed log. */
export const closedError = (): ClustorError => new ClustorError('ERR_CLOSED', 'the log is closed')
