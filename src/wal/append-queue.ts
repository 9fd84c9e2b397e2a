import { ClustorError } from '../base/errors.js'
import { AppendBuffer } from './append-buffer.js'
import { frameOverheadBytes } from './frames.js'
import { closedError, type LogDriver, type PendingWrite } from './log-driver.js'
import { writeBytesMax, type LogSettings } from './log-settings.js'

/** Called with the first index once the entries are durable, or with the error. */
export interface AppendWaiter {
  resolve(firstIndex: number): void
  reject(error: ClustorError): void
}

/** Payloads of callers, collected for one turn of the event loop and submitted in one native call.
 *
 *  `strict` makes a write, so a block and a sync, of every append; `group` makes as few writes as groupBytesMax and
 *  groupEntriesMax allow, and the committer joins writes that wait while it syncs. */
export class AppendQueue {
  readonly #driver: LogDriver
  readonly #settings: LogSettings
  readonly #term: number
  readonly #buffer = new AppendBuffer()
  #staged: PendingAppend[] = []
  #flushScheduled = false
  #nextIndex: number
  /** Of the write that is being filled. */
  #writeBytes = 0
  #writeEntries = 0
  /** Frame bytes of appends that are not settled. */
  #queuedBytes = 0

  constructor(driver: LogDriver, settings: LogSettings, term: number) {
    this.#driver = driver
    this.#settings = settings
    this.#term = term
    this.#nextIndex = driver.durableIndex + 1
    driver.attach({
      failed: (durableIndex) => {
        this.#nextIndex = durableIndex + 1
      },
      resumed: () => {
        this.flush()
      },
    })
  }

  /** The index after the last entry that was submitted. */
  get nextIndex(): number {
    return this.#nextIndex
  }

  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Copies payloads and queues them as one unit. The caller may re-use their memory at once. */
  add(payloads: readonly Uint8Array[], waiter: AppendWaiter): void {
    const bytes = frameBytes(payloads)
    const refusal = this.#refusal(payloads, bytes)
    if (refusal !== null) {
      waiter.reject(refusal)
      return
    }
    if (this.#startsWrite(bytes, payloads.length)) this.#beginWrite()
    for (const payload of payloads) this.#buffer.push(payload)
    this.#writeBytes += bytes
    this.#writeEntries += payloads.length
    this.#queuedBytes += bytes
    const ordinal = this.#buffer.writeCount - 1
    this.#staged.push(new PendingAppend(this, waiter, payloads.length, bytes, ordinal))
    this.#scheduleFlush()
  }

  /** Submits what is queued, unless the log still clears up after a failure. */
  flush(): void {
    if (this.#staged.length === 0 || !this.#driver.ready) return
    const staged = this.#staged
    const { writeCount } = this.#buffer
    const last = this.#buffer.submit(this.#driver.native, this.#nextIndex, this.#term)
    this.#staged = []
    for (const append of staged) {
      append.firstIndex = this.#nextIndex
      this.#nextIndex += append.count
      this.#driver.submitted(append, last - writeCount + 1 + append.ordinal)
    }
  }

  /** Appends go on at `index`: entries from there on were dropped. */
  continueFrom(index: number): void {
    this.#nextIndex = index
  }

  /** Rejects what was not submitted. */
  rejectStaged(error: ClustorError): void {
    const staged = this.#staged
    this.#staged = []
    this.#buffer.clear()
    for (const append of staged) append.settle(error)
  }

  /** Called by an append when it is settled. */
  release(bytes: number): void {
    this.#queuedBytes -= bytes
  }

  #refusal(payloads: readonly Uint8Array[], bytes: number): ClustorError | null {
    if (this.#driver.closed) return closedError()
    const { payloadBytesMax, appendQueueBytesMax } = this.#settings
    for (const payload of payloads) {
      if (payload.byteLength > payloadBytesMax) {
        return tooLarge('payload', payload.byteLength, 'payloadBytesMax', payloadBytesMax)
      }
    }
    const limit = writeBytesMax(this.#settings)
    if (bytes > limit) return tooLarge('append', bytes, 'segment', limit)
    // One append is always taken, so that the limit may be smaller than a batch.
    if (this.#queuedBytes === 0 || this.#queuedBytes + bytes <= appendQueueBytesMax) return null
    return new ClustorError(
      'ERR_BUSY',
      `${this.#queuedBytes} bytes wait for the disk; appendQueueBytesMax is ${appendQueueBytesMax}`,
      { fields: { queuedBytes: this.#queuedBytes, appendQueueBytesMax } },
    )
  }

  #startsWrite(bytes: number, entries: number): boolean {
    const { durability, groupBytesMax, groupEntriesMax } = this.#settings
    return (
      durability === 'strict' ||
      this.#buffer.writeCount === 0 ||
      this.#writeBytes + bytes > groupBytesMax ||
      this.#writeEntries + entries > groupEntriesMax
    )
  }

  #beginWrite(): void {
    this.#buffer.beginWrite()
    this.#writeBytes = 0
    this.#writeEntries = 0
  }

  /** nextTick runs when the microtasks of this turn are done: all appends of the turn travel together. */
  #scheduleFlush(): void {
    const { durability, groupBytesMax, groupWaitMsMax } = this.#settings
    if (this.#buffer.byteCount >= groupBytesMax) {
      this.flush()
    } else if (!this.#flushScheduled) {
      this.#flushScheduled = true
      if (durability === 'strict' || groupWaitMsMax === 0) process.nextTick(this.#flushTurn)
      else setTimeout(this.#flushTurn, groupWaitMsMax)
    }
  }

  readonly #flushTurn = (): void => {
    this.#flushScheduled = false
    this.flush()
  }
}

/** One append between its call and its durability. */
class PendingAppend implements PendingWrite {
  readonly #queue: AppendQueue
  readonly #waiter: AppendWaiter
  readonly count: number
  readonly #bytes: number
  /** Which write of the native call it belongs to. */
  readonly ordinal: number
  sequence = 0
  firstIndex = 0

  constructor(
    queue: AppendQueue,
    waiter: AppendWaiter,
    count: number,
    bytes: number,
    ordinal: number,
  ) {
    this.#queue = queue
    this.#waiter = waiter
    this.count = count
    this.#bytes = bytes
    this.ordinal = ordinal
  }

  settle(error: ClustorError | null): void {
    this.#queue.release(this.#bytes)
    if (error === null) this.#waiter.resolve(this.firstIndex)
    else this.#waiter.reject(error)
  }
}

function frameBytes(payloads: readonly Uint8Array[]): number {
  let bytes = 0
  for (const payload of payloads) bytes += payload.byteLength + frameOverheadBytes
  return bytes
}

const tooLarge = (what: string, bytes: number, limit: string, bytesMax: number): ClustorError =>
  new ClustorError('ERR_TOO_LARGE', `${what} of ${bytes} bytes; ${limit} allows ${bytesMax}`, {
    fields: { bytes, bytesMax },
  })
