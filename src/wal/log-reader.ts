import { PayloadCursor } from './frames.js'
import { closedError, type LogDriver } from './log-driver.js'
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
  driver: LogDriver,
  firstIndex: number,
  lastIndex: number,
  bytesMax: number,
): Promise<FrameBatch> {
  const read = await driver.ask((native) => native.read(firstIndex, lastIndex, bytesMax))
  return { range: toEntryRange(read), bytes: read.bytes }
}

/** Walks through entries in order, a chunk in memory at a time. */
export async function* readEntries(
  driver: LogDriver,
  range: ReadRange,
): AsyncGenerator<LogEntry, void, undefined> {
  const cursor = new PayloadCursor()
  for (let next = range.from; next <= range.to;) {
    if (driver.closed) throw closedError()
    const batch = await readBatch(driver, next, range.to, readChunkBytes)
    const { firstIndex, lastIndex } = batch.range
    for (let index: number = firstIndex; index <= lastIndex; index++) {
      yield { index, payload: cursor.payload(batch, index - firstIndex) }
    }
    next = lastIndex + 1
  }
}
