import type { LogIndex } from '../base/ids.js'
import type { FrameBatch, ReplicaLog } from '../wal/replica-log.js'
import type { ReadyExecutor } from './ready-executor.js'

/** Where the frames of this replica's entries are: in memory, with the writes that a full disk refused, or on disk. */
export class FrameSource {
  readonly #log: ReplicaLog
  readonly #executor: ReadyExecutor

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

  /** Frames from disk, at least one entry.
   *  @throws ERR_INDEX_COMPACTED, ERR_INDEX_OUT_OF_RANGE, ERR_LOG_CORRUPT. */
  read(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): Promise<FrameBatch> {
    return this.#log.read(firstIndex, lastIndex, bytesMax)
  }
}
