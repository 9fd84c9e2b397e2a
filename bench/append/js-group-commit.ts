import { open, type FileHandle } from 'node:fs/promises'
import { fdatasync, writev } from 'node:fs'
import { promisify } from 'node:util'

const fileBytes = 64 * 1024 * 1024
const zeroBytes = 1024 * 1024
/** writev takes at most IOV_MAX buffers. */
const buffersMax = 1024

const writeVector = promisify(writev)
const syncData = promisify(fdatasync)

/** What a Node.js program writes by hand today: everything that was appended while the last sync ran goes out in one
 *  fs.writev and one fs.fdatasync on a preallocated file of zeros. No framing, no checksum, no recovery: a yardstick. */
export class JsGroupCommit {
  readonly #file: FileHandle
  #offset = 0
  #payloads: Uint8Array[] = []
  #waiters: (() => void)[] = []
  #running: Promise<void> | null = null

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open(path: string): Promise<JsGroupCommit> {
    const file = await open(path, 'w+')
    const zeros = Buffer.alloc(zeroBytes)
    for (let offset = 0; offset < fileBytes; offset += zeroBytes) {
      await file.write(zeros, 0, zeroBytes, offset)
    }
    await file.sync()
    return new JsGroupCommit(file)
  }

  /** Resolves when the payload is durable. */
  append(payload: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      this.#payloads.push(payload)
      this.#waiters.push(resolve)
      // The turn's other appends join: the group is taken in a microtask.
      this.#running ??= Promise.resolve().then(() => this.#run())
    })
  }

  async close(): Promise<void> {
    await this.#running
    await this.#file.close()
  }

  async #run(): Promise<void> {
    while (this.#payloads.length > 0) {
      const payloads = this.#payloads
      const waiters = this.#waiters
      this.#payloads = []
      this.#waiters = []
      await this.#commit(payloads)
      for (const resolve of waiters) resolve()
      // Whoever was just answered may append again before the next group is taken.
      await Promise.resolve()
    }
    this.#running = null
  }

  async #commit(payloads: readonly Uint8Array[]): Promise<void> {
    let bytes = 0
    for (const payload of payloads) bytes += payload.byteLength
    if (this.#offset + bytes > fileBytes) this.#offset = 0
    let offset = this.#offset
    for (let first = 0; first < payloads.length; first += buffersMax) {
      const part = payloads.slice(first, first + buffersMax)
      const { bytesWritten } = await writeVector(this.#file.fd, part, offset)
      offset += bytesWritten
    }
    await syncData(this.#file.fd)
    this.#offset = offset
  }
}
