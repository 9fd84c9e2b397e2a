import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { FrameBatch, ReplicaLog } from '../wal/replica-log.js'
import type { ReadyExecutor } from './ready-executor.js'

/** Where the frames of this replica's entries are: in memory, with the writes that a full disk refused, or on disk. */
export class FrameSource {
  readonly #log: ReplicaLog
  readonly #executor: ReadyExecutor
  #waiters: (() => void)[] = []
  #stopped = false

  constructor(log: ReplicaLog, executor: ReadyExecutor) {
    this.#log = log
    this.#executor = executor
  }

  /** Frames from memory, at least one entry and at most bytesMax bytes; null when only the disk has them. */
  recent(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    return (
      this.#log.cached(firstIndex, lastIndex, bytesMax) ??
      this.#executor.refusedFrames(firstIndex, lastIndex, bytesMax)
    )
  }

  /** Frames from disk, at least one entry; waits until the first of them is durable. What a truncation under way has replaced
   *  is not given out any more, although the disk still shows it.
   *  @throws ERR_INDEX_COMPACTED, ERR_LOG_CORRUPT; ERR_CLOSED when the replica stops first. */
  async read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch> {
    while (firstIndex > this.#executor.readableIndex) await this.#nextDurable()
    const lastReadable = Math.min(lastIndex, this.#executor.readableIndex)
    return await this.#log.read(firstIndex, asIndex(lastReadable), bytesMax)
  }

  /** The durable index has moved. */
  notifyDurable(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Nothing becomes durable any more. */
  stop(): void {
    this.#stopped = true
    this.notifyDurable()
  }

  async #nextDurable(): Promise<void> {
    if (!this.#stopped) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    if (this.#stopped) throw new ClustorError('ERR_CLOSED', 'the partition has stopped')
  }
}
