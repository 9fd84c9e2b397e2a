import { fdatasync, writev } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { GroupCommit } from './group-commit.js'
import { openZeroedFile, zeroedFileBytes } from './zeroed-file.js'

/** writev takes at most IOV_MAX buffers. */
const buffersMax = 1024

const writeVector = promisify(writev)
const syncData = promisify(fdatasync)

/** What a Node.js program writes by hand today: everything that was appended while the last sync ran goes out in one
 *  fs.writev and one fs.fdatasync on a preallocated file of zeros. No framing, no checksum, no recovery: a yardstick. */
export class JsGroupCommit {
  readonly #file: FileHandle
  readonly #group = new GroupCommit((payloads) => this.#commit(payloads))
  #offset = 0

  private constructor(file: FileHandle) {
    this.#file = file
  }

  static async open(path: string): Promise<JsGroupCommit> {
    return new JsGroupCommit(await openZeroedFile(path))
  }

  /** Resolves when the payloads are durable. */
  append(payloads: readonly Uint8Array[]): Promise<void> {
    return this.#group.append(payloads)
  }

  async close(): Promise<void> {
    await this.#group.idle()
    await this.#file.close()
  }

  async #commit(payloads: readonly Uint8Array[]): Promise<void> {
    let bytes = 0
    for (const payload of payloads) bytes += payload.byteLength
    if (this.#offset + bytes > zeroedFileBytes) this.#offset = 0
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
