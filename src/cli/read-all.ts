import type { Readable } from 'node:stream'
import { addAbortSignal } from 'node:stream'
import { buffer } from 'node:stream/consumers'

/** Reads a stream to its end. */
export async function readAll(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  return buffer(addAbortSignal(signal, stream))
}
