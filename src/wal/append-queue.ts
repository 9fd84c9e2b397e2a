import { ClustorError } from '../base/errors.js'
import type { NativeLog } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import { AppendBuffer } from './append-buffer.js'
import { frameOverheadBytes } from './frames.js'
import { closedError, type LogDriver, type PendingWrite } from './log-driver.js'
import { writeBytesMax, type LogSettings } from './log-settings.js'

/** Where an appended entry stands. */
export interface Appended {
  readonly index: number
}

/** Where the entries of a batch stand, both ends included. */
export interface AppendedRange {
  readonly firstIndex: number
  readonly lastIndex: number
}

/** Hears once that the entries are durable, or why they are not: the functions of a promise. */
export interface Waiter<Place> {
  readonly resolve: (place: Place) => void
  readonly reject: (error: ClustorError) => void
}

/** The native calls of an append: those after which a thread commits, or those of a caller who commits himself. */
type NativeAppends = Pick<NativeLog, 'append' | 'appendPayloads'>

/** Appends from this size on are submitted at the call, straight from the caller's memory: the one copy that is saved costs
 *  more than a native call of their own. */
const directBytesMin = 64 * 1024
/** And that of a batch when its payloads have this size on the average: each costs the native call some time. */
const directPayloadBytesMin = 8 * 1024

/** Payloads of callers, collected for one turn of the event loop and submitted in one native call; large ones in a call of
 *  their own, at once.
 *
 *  `strict` makes a write, so a block and a sync, of every append; `group` makes as few writes as groupBytesMax and
 *  groupEntriesMax allow, and the committer joins writes that wait while it syncs. */
export class AppendQueue {
  readonly #driver: LogDriver
  readonly #settings: LogSettings
  readonly #term: number
  readonly #buffer = new AppendBuffer()
  #staged: StagedWrite[] = []
  #flushScheduled = false
  readonly #writeBytesMax: number
  #nextIndex: number
  /** Frame bytes of appends that are not settled. */
  #queuedBytes = 0

  constructor(driver: LogDriver, settings: LogSettings, term: number) {
    this.#driver = driver
    this.#settings = settings
    this.#term = term
    this.#writeBytesMax = writeBytesMax(settings)
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

  /** Copies a payload and queues it. The caller may re-use its memory at once. */
  add(payload: Uint8Array, waiter: Waiter<Appended>): void {
    const refusal = this.#take(payload, waiter, this.#driver.native)
    if (refusal === null) this.#scheduleFlush()
    else waiter.reject(refusal)
  }

  /** Appends on the calling thread; what was queued before goes along.
   *  @throws what `append` would reject with. */
  addNow(payload: Uint8Array): Appended {
    // The news of an earlier failure may be under way: afterwards appends go on.
    if (!this.#driver.closed && !this.#driver.ready) this.#driver.commitAll()
    const outcome = new Outcome()
    const appends = quietly(this.#driver.native)
    const refusal = this.#take(payload, outcome, appends)
    if (refusal !== null) throw refusal
    this.#submit(appends)
    this.#driver.commitAll()
    return outcome.get()
  }

  /** @returns why the payload is not taken; null: it was submitted, or is part of the next write. */
  #take(
    payload: Uint8Array,
    waiter: Waiter<Appended>,
    appends: NativeAppends,
  ): ClustorError | null {
    const bytes = payload.byteLength + frameOverheadBytes
    const refusal = this.#refusal(payload.byteLength, bytes)
    if (refusal !== null) return refusal
    if (this.#goesDirectly(bytes, 1, appends)) {
      const write = new StagedWrite(this)
      write.add(waiter, bytes)
      this.#submitDirectly(write, [payload], appends)
    } else {
      const write = this.#writeFor(bytes, 1)
      this.#buffer.push(payload)
      write.add(waiter, bytes)
    }
    return null
  }

  /** The same for payloads that are one unit; at least one. */
  addBatch(payloads: readonly Uint8Array[], waiter: Waiter<AppendedRange>): void {
    let bytes = 0
    let largestBytes = 0
    for (const { byteLength } of payloads) {
      bytes += byteLength + frameOverheadBytes
      largestBytes = Math.max(largestBytes, byteLength)
    }
    const refusal = this.#refusal(largestBytes, bytes)
    if (refusal !== null) {
      waiter.reject(refusal)
      return
    }
    const { native } = this.#driver
    if (this.#goesDirectly(bytes, payloads.length, native)) {
      const write = new StagedWrite(this)
      write.addBatch(waiter, payloads.length, bytes)
      this.#submitDirectly(write, payloads, native)
      return
    }
    const write = this.#writeFor(bytes, payloads.length)
    this.#buffer.reserve(bytes)
    for (const payload of payloads) this.#buffer.push(payload)
    write.addBatch(waiter, payloads.length, bytes)
    this.#scheduleFlush()
  }

  /** Submits what is queued, unless the log still clears up after a failure. */
  flush(): void {
    this.#submit(this.#driver.native)
  }

  #submit(appends: NativeAppends): void {
    const staged = this.#staged
    if (staged.length === 0 || !this.#driver.ready) return
    const last = this.#handOver(appends)
    if (last === null) return
    this.#staged = []
    let sequence = last - staged.length
    for (const write of staged) this.#submitted(write, ++sequence)
  }

  /** @returns the sequence number of the last write; null: nothing was submitted, and everybody knows why. */
  #handOver(appends: NativeAppends): number | null {
    try {
      return this.#buffer.submit(appends, this.#nextIndex, this.#term)
    } catch (error) {
      this.rejectStaged(toClustorError(error))
      return null
    }
  }

  #submitted(write: StagedWrite, sequence: number): void {
    write.firstIndex = this.#nextIndex
    this.#nextIndex += write.entries
    this.#driver.submitted(write, sequence)
  }

  /** Whether an append is submitted at once; what was collected before it then has been. */
  #goesDirectly(bytes: number, entries: number, appends: NativeAppends): boolean {
    if (bytes < directBytesMin || bytes < entries * directPayloadBytesMin) return false
    this.#submit(appends)
    return this.#driver.ready
  }

  #submitDirectly(
    write: StagedWrite,
    payloads: readonly Uint8Array[],
    appends: NativeAppends,
  ): void {
    this.#queuedBytes += write.bytes
    try {
      this.#submitted(write, appends.appendPayloads(payloads, this.#nextIndex, this.#term))
    } catch (error) {
      write.settle(toClustorError(error))
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
    for (const write of staged) write.settle(error)
  }

  /** Called by a write when it is settled. */
  release(bytes: number): void {
    this.#queuedBytes -= bytes
  }

  #refusal(largestBytes: number, bytes: number): ClustorError | null {
    if (this.#driver.closed) return closedError()
    const { payloadBytesMax, appendQueueBytesMax } = this.#settings
    if (largestBytes > payloadBytesMax) {
      return tooLarge('payload', largestBytes, 'payloadBytesMax', payloadBytesMax)
    }
    if (bytes > this.#writeBytesMax) {
      return tooLarge('append', bytes, 'segment', this.#writeBytesMax)
    }
    // One append is always taken, so that the limit may be smaller than a batch.
    if (this.#queuedBytes === 0 || this.#queuedBytes + bytes <= appendQueueBytesMax) return null
    return new ClustorError(
      'ERR_BUSY',
      `${this.#queuedBytes} bytes wait for the disk; appendQueueBytesMax is ${appendQueueBytesMax}`,
      { fields: { queuedBytes: this.#queuedBytes, appendQueueBytesMax } },
    )
  }

  /** The write that an append of this size becomes part of. */
  #writeFor(bytes: number, entries: number): StagedWrite {
    this.#queuedBytes += bytes
    const open = this.#staged[this.#staged.length - 1]
    const { durability, groupBytesMax, groupEntriesMax } = this.#settings
    const joins =
      open !== undefined &&
      durability !== 'strict' &&
      open.bytes + bytes <= groupBytesMax &&
      open.entries + entries <= groupEntriesMax
    if (joins) return open
    this.#buffer.beginWrite()
    const write = new StagedWrite(this)
    this.#staged.push(write)
    return write
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

const quietly = (native: NativeLog): NativeAppends => ({
  append: (...args) => native.appendQuietly(...args),
  appendPayloads: (...args) => native.appendPayloadsQuietly(...args),
})

/** The appends of one write, between their calls and its durability. */
class StagedWrite implements PendingWrite {
  readonly #queue: AppendQueue
  readonly #waiters: (Waiter<Appended> | BatchWaiter)[] = []
  sequence = 0
  firstIndex = 0
  bytes = 0
  entries = 0

  constructor(queue: AppendQueue) {
    this.#queue = queue
  }

  add(waiter: Waiter<Appended>, bytes: number): void {
    this.#waiters.push(waiter)
    this.bytes += bytes
    this.entries += 1
  }

  addBatch(waiter: Waiter<AppendedRange>, entries: number, bytes: number): void {
    this.#waiters.push(new BatchWaiter(waiter, entries))
    this.bytes += bytes
    this.entries += entries
  }

  settle(error: ClustorError | null): void {
    this.#queue.release(this.bytes)
    if (error !== null) for (const { reject } of this.#waiters) reject(error)
    else this.#resolve()
  }

  #resolve(): void {
    let index = this.firstIndex
    for (const waiter of this.#waiters) {
      if (waiter instanceof BatchWaiter) index = waiter.resolveFrom(index)
      else waiter.resolve({ index: index++ })
    }
  }
}

/** What became of an append that its caller waits for without a promise. */
class Outcome implements Waiter<Appended> {
  #place: Appended | null = null
  #error: ClustorError | null = null
  readonly resolve = (place: Appended): void => {
    this.#place = place
  }
  readonly reject = (error: ClustorError): void => {
    this.#error = error
  }

  get(): Appended {
    if (this.#place !== null) return this.#place
    throw this.#error ?? closedError()
  }
}

class BatchWaiter {
  readonly #waiter: Waiter<AppendedRange>
  readonly #entries: number

  constructor(waiter: Waiter<AppendedRange>, entries: number) {
    this.#waiter = waiter
    this.#entries = entries
  }

  get reject(): (error: ClustorError) => void {
    return this.#waiter.reject
  }

  /** @returns the index behind the batch. */
  resolveFrom(firstIndex: number): number {
    const behind = firstIndex + this.#entries
    this.#waiter.resolve({ firstIndex, lastIndex: behind - 1 })
    return behind
  }
}

const tooLarge = (what: string, bytes: number, limit: string, bytesMax: number): ClustorError =>
  new ClustorError('ERR_TOO_LARGE', `${what} of ${bytes} bytes; ${limit} allows ${bytesMax}`, {
    fields: { bytes, bytesMax },
  })
