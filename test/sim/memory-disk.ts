import { ClustorError } from '../../src/base/errors.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { HardState } from '../../src/raft/ready.js'
import type { FrameBatch, ReplicaLog } from '../../src/wal/replica-log.js'
import { MemoryLog } from '../support/memory-log.js'
import type { Disk } from './disk.js'
import type { FaultCounts } from './faults.js'

/** A disk with a log in memory, which keeps what was synced. */
export class MemoryDisk implements Disk {
  flushPercent = 100
  isFull = false
  #log = new MemoryLog()
  readonly #random: Random
  readonly #faults: FaultCounts

  constructor(random: Random, faults: FaultCounts) {
    this.#random = random
    this.#faults = faults
  }

  get queuedWrites(): number {
    return this.#log.queuedWrites
  }

  get isBroken(): boolean {
    return this.#log.isBroken
  }

  get durableHardState(): HardState {
    return this.#log.durableHardState
  }

  submittedEntry(index: number): FrameBatch | undefined {
    return this.#log.submittedEntry(index)
  }

  durableEntry(index: number): FrameBatch | undefined {
    return this.#log.durableEntry(index)
  }

  open(): Promise<ReplicaLog> {
    return Promise.resolve(this.#log)
  }

  step(): void {
    if (this.#log.queuedWrites === 0) return
    if (this.isFull) {
      this.#faults.diskFull += 1
      this.#log.failQueued(new ClustorError('ERR_DISK_FULL', 'no space left'))
    } else if (integerBetween(this.#random, 1, 100) <= this.flushPercent) {
      this.#log.flush(integerBetween(this.#random, 1, 4))
    } else {
      this.#faults.diskSlow += 1
    }
  }

  crash(): void {
    const queued = this.#log.queuedWrites
    const landed = integerBetween(this.#random, 0, queued)
    this.#faults.unacknowledgedWriteKept += landed
    this.#faults.unsyncedWriteLost += queued - landed
    this.#log = this.#log.crash(landed)
  }

  failSync(): void {
    this.#faults.syncFailed += 1
    this.#log.poison()
  }

  rot(): void {
    this.#faults.bitRot += 1
    this.#log.quarantine(new ClustorError('ERR_LOG_QUARANTINED', 'a bit flipped'))
  }

  calm(): void {
    this.flushPercent = 100
    this.isFull = false
  }
}
