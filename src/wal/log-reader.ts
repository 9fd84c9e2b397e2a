import type { NativeLog } from '../native/addon.js'
import { toClustorError } from '../native/native-error.js'
import { PayloadCursor } from './frames.js'
import { closedError } from './log-driver.js'
import { toEntryRange } from './recovered.js'
import type { FrameBatch } from './replica-log.js'

/** How much a walk through the log has in memory at once; a single larger entry still fits. */
export const readChunkBytes = 1024 * 1024

/** One entry of the log. */
export interface LogEntry {
  readonly index: number
  /** A view into a chunk of at most 1 MiB that nobody else uses; keeping it keeps the chunk. */
  readonly payload: Uint8Array
}

/** What to read, both ends included. */
export interface ReadRange {
  readonly from: number
  readonly to: number
}

/** Reads durable frames from disk, verified. The promise rejects with the package's errors. */
export async function readBatch(
  log: NativeLog,
  firstIndex: number,
  lastIndex: number,
  bytesMax: number,
): Promise<FrameBatch> {
  try {
    const read = await log.read(firstIndex, lastIndex, bytesMax)
    return { range: toEntryRange(read), bytes: read.bytes }
  } catch (error) {
    throw toClustorError(error)
  }
}

/** Walks through entries in order, a chunk in memory at a time. */
export async function* readEntries(
  log: NativeLog,
  range: ReadRange,
  isClosed: () => boolean,
): AsyncGenerator<LogEntry, void, undefined> {
  const cursor = new PayloadCursor()
  for (let next = range.from; next <= range.to;) {
    if (isClosed()) throw closedError()
    const batch = await readBatch(log, next, range.to, readChunkBytes)
    const { firstIndex, lastIndex } = batch.range
    for (let index: number = firstIndex; index <= lastIndex; index++) {
      yield { index, payload: cursor.payload(batch, index - firstIndex) }
    }
    next = lastIndex + 1
  }
}
