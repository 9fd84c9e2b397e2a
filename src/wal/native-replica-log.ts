import { ClustorError } from '../base/errors.js'
import { asIndex, type LogIndex, type Term } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { loadAddon } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import type { EntryKind } from '../raft/entry-range.js'
import type { HardState } from '../raft/ready.js'
import { FrameCache } from './frame-cache.js'
import { frameOverheadBytes, framePrefixBytes, PayloadCursor } from './frames.js'
import { closedError, LogDriver, type LogListener, type PendingWrite } from './log-driver.js'
import type { KeyRing } from './key-ring.js'
import { processHost, type LogHost } from './log-host.js'
import { readBatch } from './log-reader.js'
import type { LogStatus } from './log-report.js'
import {
  readLogSettings,
  writeBytesMax,
  type LogSettings,
  type OpenLogOptions,
} from './log-settings.js'
import { readStatus } from './log-status.js'
import { toEntryRange, toRecoveredLog } from './recovered.js'
import type { FrameBatch, LogWrite, RecoveredLog, ReplicaLog } from './replica-log.js'

type Done = (error: ClustorError | null) => void

/** How much longer than in memory frames can be on disk, at most: base64 and the names of fields around short payloads, and
 *  leaves of 32 bytes beside frames of 33 and more. */
const storedFactorMax = ({ encoding, merkleLeaves }: LogSettings): number =>
  (encoding === 'json' ? 3 : 1) + (merkleLeaves ? 1 : 0)

/** The page at the end of a sealed segment. */
const trailerBytes = 4096

/** Opens the log of one replica. Refusals as `DurableLog.open`.
 *  @param host what it runs on: this process, unless a simulation says otherwise. */
export async function openReplicaLog(
  options: OpenLogOptions,
  host: LogHost = processHost,
): Promise<ReplicaLog> {
  const settings = readLogSettings(options, 'openReplicaLog')
  const { driver, recovery } = await LogDriver.open(settings, { recoverEntries: true }, host)
  return new NativeReplicaLog(driver, settings, toRecoveredLog(recovery))
}

class NativeReplicaLog implements ReplicaLog {
  readonly recovered: RecoveredLog
  readonly writeBytesMax: number
  readonly #driver: LogDriver
  readonly #settings: LogSettings
  readonly #cache: FrameCache
  readonly #cursor = new PayloadCursor()
  /** Writes that wait until the driver is done with a failure. */
  readonly #held: PersistedWrite[] = []
  #lastIndex: LogIndex

  constructor(driver: LogDriver, settings: LogSettings, recovered: RecoveredLog) {
    this.#driver = driver
    this.#settings = settings
    this.recovered = recovered
    this.writeBytesMax = Math.floor(
      (writeBytesMax(settings) - trailerBytes) / storedFactorMax(settings),
    )
    this.#cache = new FrameCache(settings.recentFramesBytesMax)
    this.#lastIndex = recovered.entries.lastIndex
    driver.attach({
      failed: (durableIndex) => {
        this.#forgetAbove(asIndex(durableIndex))
      },
      resumed: () => {
        this.#submitHeld()
      },
    })
  }

  encode(
    term: Term,
    firstIndex: LogIndex,
    kind: EntryKind,
    payloads: readonly Uint8Array[],
  ): FrameBatch {
    const byteLengths = new Uint32Array(payloads.length)
    let byteCount = 0
    let position = 0
    for (const payload of payloads) {
      this.#checkPayload(payload, position)
      byteLengths[position++] = payload.byteLength + frameOverheadBytes
      byteCount += payload.byteLength + frameOverheadBytes
    }
    invariant(byteCount > 0, 'W1', { payloads: payloads.length })
    // Not from Node's shared pool: the bytes live on in the cache and would hold foreign ones.
    const bytes = Buffer.allocUnsafeSlow(byteCount)
    placePayloads(bytes, payloads)
    loadAddon().sealFrames(bytes, byteLengths, term, firstIndex, kind)
    const lastIndex = asIndex(firstIndex + payloads.length - 1)
    const runs = [{ term, kind, count: payloads.length }]
    return { range: { firstIndex, lastIndex, runs, byteLengths }, bytes }
  }

  decode(bytes: Uint8Array): FrameBatch {
    try {
      return { range: toEntryRange(loadAddon().parseFrames(bytes)), bytes }
    } catch (error) {
      throw toClustorError(error)
    }
  }

  payload(batch: FrameBatch, position: number): Uint8Array {
    return this.#cursor.payload(batch, position)
  }

  persist(write: LogWrite, done: Done): void {
    if (this.#driver.closed) {
      queueMicrotask(() => {
        done(closedError())
      })
      return
    }
    this.#remember(write)
    const persisted = new PersistedWrite(write, done)
    if (this.#driver.ready) this.#submit(persisted)
    else this.#held.push(persisted)
  }

  cached(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    return this.#cache.get(firstIndex, lastIndex, bytesMax)
  }

  async read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch> {
    return await readBatch(this.#driver, firstIndex, lastIndex, bytesMax)
  }

  async truncatePrefix(before: LogIndex): Promise<void> {
    await this.#driver.ask((native) => native.truncatePrefix(before))
  }

  listen(listener: LogListener): void {
    this.#driver.listen(listener)
  }

  async rotateKeys(ring: KeyRing): Promise<void> {
    await this.#driver.rotateKeys(ring)
  }

  status(): LogStatus {
    return readStatus(this.#driver, {
      lastIndex: this.#lastIndex,
      cachedBytes: this.#cache.bytes,
    })
  }

  async close(): Promise<void> {
    const closing = this.#driver.close()
    for (const write of this.#held.splice(0)) write.settle(closedError())
    await closing
    this.#cache.clear()
  }

  #checkPayload(payload: Uint8Array, position: number): void {
    const { payloadBytesMax } = this.#settings
    if (payload.byteLength <= payloadBytesMax) return
    throw new ClustorError(
      'ERR_TOO_LARGE',
      `payload ${position} has ${payload.byteLength} bytes; payloadBytesMax is ${payloadBytesMax}`,
      { fields: { position, bytes: payload.byteLength, bytesMax: payloadBytesMax } },
    )
  }

  /** Makes the write visible to `cached`, durable or not. */
  #remember({ truncateFrom, frames }: LogWrite): void {
    if (truncateFrom !== undefined && truncateFrom <= this.#lastIndex) {
      this.#forgetAbove(asIndex(truncateFrom - 1))
    }
    if (frames === undefined) return
    const { firstIndex, lastIndex } = frames.range
    invariant(firstIndex === this.#lastIndex + 1, 'W3', { firstIndex, lastIndex: this.#lastIndex })
    this.#cache.push(frames)
    this.#lastIndex = lastIndex
  }

  #forgetAbove(lastIndex: LogIndex): void {
    this.#cache.truncateFrom(asIndex(lastIndex + 1))
    this.#lastIndex = lastIndex
  }

  #submitHeld(): void {
    for (const write of this.#held.splice(0)) this.#submit(write)
  }

  #submit(persisted: PersistedWrite): void {
    const { hardState, truncateFrom, frames } = persisted.write
    const sequence = this.#driver.native.submit(
      hardState === undefined ? null : toTriple(hardState),
      truncateFrom ?? 0,
      frames?.bytes ?? null,
      frames?.range.byteLengths ?? null,
      frames?.range.firstIndex ?? 0,
      frames?.range.runs.at(-1)?.term ?? 0,
    )
    invariant(sequence !== 0, 'W4', { closed: this.#driver.closed })
    persisted.submitted()
    this.#driver.submitted(persisted, sequence)
  }
}

/** A write between `persist` and its completion. */
class PersistedWrite implements PendingWrite {
  readonly #done: Done
  #write: LogWrite | null
  readonly entries: number
  readonly bytes: number
  sequence = 0

  constructor(write: LogWrite, done: Done) {
    this.#write = write
    this.#done = done
    this.entries = write.frames?.range.byteLengths.length ?? 0
    this.bytes = write.frames?.bytes.byteLength ?? 0
  }

  get write(): LogWrite {
    invariant(this.#write !== null, 'W4')
    return this.#write
  }

  /** The addon has its own copy: the frames are let go. */
  submitted(): void {
    this.#write = null
  }

  settle(error: ClustorError | null): void {
    this.#done(error)
  }
}

/** Puts payloads where they stand in their frames. */
function placePayloads(bytes: Uint8Array, payloads: readonly Uint8Array[]): void {
  let offset = framePrefixBytes
  for (const payload of payloads) {
    bytes.set(payload, offset)
    offset += payload.byteLength + frameOverheadBytes
  }
}

const toTriple = ({ term, vote, commitIndex }: HardState): Float64Array =>
  Float64Array.of(term, vote, commitIndex)
