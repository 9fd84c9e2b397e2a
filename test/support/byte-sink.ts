import type { ByteSink } from '../../src/transport/frame-writer.js'

/** A socket's sending side in memory: keeps what is written, and counts the system calls a socket would make. */
export class MemorySink implements ByteSink {
  readonly writes: Buffer[] = []
  writableLength = 0
  systemCalls = 0
  #corked = false

  write(bytes: Uint8Array): boolean {
    this.writes.push(Buffer.from(bytes))
    if (!this.#corked) this.systemCalls += 1
    return true
  }

  cork(): void {
    this.#corked = true
  }

  uncork(): void {
    this.#corked = false
    this.systemCalls += 1
  }

  /** Everything written, and forgets it. */
  take(): Buffer {
    return Buffer.concat(this.writes.splice(0))
  }
}
