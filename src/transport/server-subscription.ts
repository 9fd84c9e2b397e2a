import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { entryCreditBytes, writeEntry, writeError } from './client-codec.js'
import type { PartitionService } from './client-service.js'
import type { FrameWriter } from './frame-writer.js'

/** Sends committed entries to a client, no faster than it consumes them: docs/protocol.md §4, "Subscriptions". */
export class ServerSubscription {
  readonly #writer: FrameWriter
  readonly #request: number
  readonly #backlogBytesMax: number
  readonly #abort = new AbortController()
  #creditBytes: number
  #wake: (() => void) | null = null

  constructor(
    writer: FrameWriter,
    request: number,
    limits: { readonly creditBytes: number; readonly backlogBytesMax: number },
  ) {
    this.#writer = writer
    this.#request = request
    this.#creditBytes = limits.creditBytes
    this.#backlogBytesMax = limits.backlogBytesMax
  }

  /** Runs until the client cancels, or the entries end with an error, which it sends. Never rejects. */
  async run(partition: PartitionService, fromIndex: LogIndex): Promise<void> {
    const { signal } = this.#abort
    try {
      for await (const page of partition.subscribe(fromIndex, signal)) {
        for (const entry of page) {
          while (!this.#maySend() && !signal.aborted) await this.#nextChange()
          if (signal.aborted) return
          writeEntry(this.#writer, this.#request, entry)
          this.#creditBytes -= entryCreditBytes + entry.payload.length
        }
      }
      throw new ClustorError('ERR_CLOSED', 'the node ended the subscription')
    } catch (error) {
      if (!signal.aborted) writeError(this.#writer, this.#request, error)
    }
  }

  addCredit(creditBytes: number): void {
    this.#creditBytes += creditBytes
    this.wake()
  }

  cancel(): void {
    this.#abort.abort()
    this.wake()
  }

  /** The backlog of the connection may have fallen. */
  wake(): void {
    this.#wake?.()
    this.#wake = null
  }

  #maySend(): boolean {
    return this.#creditBytes > 0 && this.#writer.queuedBytes < this.#backlogBytesMax
  }

  #nextChange(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
