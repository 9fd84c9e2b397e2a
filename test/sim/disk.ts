import { ClustorError } from '../../src/base/errors.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import { MemoryLog } from '../support/memory-log.js'
import type { FaultCounts } from './faults.js'

/** The disk of one node, which outlives its processes. */
export class SimulatedDisk {
  /** Out of 100 steps, the disk completes writes in so many. */
  flushPercent = 100
  isFull = false
  log = new MemoryLog()
  readonly #random: Random
  readonly #faults: FaultCounts

  constructor(random: Random, faults: FaultCounts) {
    this.#random = random
    this.#faults = faults
  }

  /** Completes some of the writes that wait, the oldest first, or refuses them all while there is no space. */
  step(): void {
    if (this.log.queuedWrites === 0) return
    if (this.isFull) {
      this.#faults.diskFull += 1
      this.log.failQueued(new ClustorError('ERR_DISK_FULL', 'no space left'))
    } else if (integerBetween(this.#random, 1, 100) <= this.flushPercent) {
      this.log.flush(integerBetween(this.#random, 1, 4))
    } else {
      this.#faults.diskSlow += 1
    }
  }

  /** The process dies: of the writes under way a prefix had reached the disk, the rest is lost. */
  crash(): void {
    const queued = this.log.queuedWrites
    const landed = integerBetween(this.#random, 0, queued)
    this.#faults.unacknowledgedWriteKept += landed
    this.#faults.unsyncedWriteLost += queued - landed
    this.log = this.log.crash(landed)
  }

  failSync(): void {
    this.#faults.syncFailed += 1
    this.log.poison()
  }

  rot(): void {
    this.#faults.bitRot += 1
    this.log.quarantine(new ClustorError('ERR_LOG_QUARANTINED', 'a bit flipped'))
  }

  calm(): void {
    this.flushPercent = 100
    this.isFull = false
  }
}
