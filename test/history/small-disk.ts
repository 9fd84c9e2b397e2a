import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const sizeBytes = 64 * 1024 * 1024

/** A file system in memory of its own for one node, which can be filled up. Making one needs the right to mount. */
export class SmallDisk {
  readonly #directory: string

  /** Null when this process may not mount. */
  static mount(directory: string): SmallDisk | null {
    mkdirSync(directory, { recursive: true })
    const options = ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', directory]
    return spawnSync('mount', options).status === 0 ? new SmallDisk(directory) : null
  }

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** Takes all the space that is left. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.#directory)
    try {
      writeFileSync(this.#filler, Buffer.alloc(bavail * bsize))
    } catch (error) {
      // The node took some of it meanwhile: full it is.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    }
  }

  free(): void {
    rmSync(this.#filler, { force: true })
  }

  unmount(): void {
    spawnSync('umount', ['-l', this.#directory])
  }

  get #filler(): string {
    return path.join(this.#directory, 'filler')
  }
}
