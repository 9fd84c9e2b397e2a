import { ClustorError } from '../../src/base/errors.js'
import { invariant } from '../../src/base/invariant.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { HardState } from '../../src/raft/ready.js'
import { KeyRing } from '../../src/wal/key-ring.js'
import type { LogHost } from '../../src/wal/log-host.js'
import { openReplicaLog } from '../../src/wal/native-replica-log.js'
import type { FrameBatch, ReplicaLog } from '../../src/wal/replica-log.js'
import { emptyContents } from '../support/log-contents.js'
import { ManualTimers } from '../support/manual-timers.js'
import {
  loadSimulation,
  type PumpedLog,
  type SimulatedMachine,
} from '../support/simulated-machine.js'
import { stepMs } from './clock.js'
import type { Disk } from './disk.js'
import type { FaultCounts } from './faults.js'
import { nothingPromised, watch } from './watched-log.js'
import type { WatchedLog } from './watched-log.js'

type LogOptions = Parameters<typeof openReplicaLog>[0]

/** A disk in memory with the real log on it, the C++ of the addon: a file system that keeps what was synced, and of the rest
 *  whatever a crash leaves. */
export class LogDisk implements Disk {
  flushPercent = 100
  readonly #machine: SimulatedMachine
  readonly #random: Random
  readonly #faults: FaultCounts
  readonly #options: LogOptions
  /** Whether the volume under the file system can run full. */
  readonly #isThin: boolean
  #isFull = false
  #rots = false
  #timers = new ManualTimers()
  #native: PumpedLog | null = null
  #log: WatchedLog | null = null

  constructor(random: Random, faults: FaultCounts) {
    this.#random = random
    this.#faults = faults
    this.#machine = new (loadSimulation().SimulatedDisk)(random.nextUint32())
    this.#options = drawOptions(random)
    this.#isThin = integerBetween(random, 0, 1) === 0
  }

  get isFull(): boolean {
    return this.#isFull
  }

  set isFull(isFull: boolean) {
    this.#isFull = isFull
    this.#machine.setFull(isFull)
  }

  get queuedWrites(): number {
    return this.#log?.queuedWrites ?? 0
  }

  get isBroken(): boolean {
    return this.#log?.isBroken ?? false
  }

  get durableHardState(): HardState {
    return this.#log?.durableHardState ?? emptyContents().hardState
  }

  submittedEntry(index: number): FrameBatch | undefined {
    return this.#log?.submittedEntry(index)
  }

  durableEntry(index: number): FrameBatch | undefined {
    return this.#log?.durableEntry(index)
  }

  async open(): Promise<ReplicaLog | null> {
    this.#timers = new ManualTimers()
    const log = await openReplicaLog(this.#options, this.#host()).catch(nullWhenFull)
    if (log === null) {
      // What it began is on the disk, or not.
      this.crash()
      return null
    }
    this.#log = await watch(log, this.#log?.promised ?? nothingPromised(), {
      faults: this.#faults,
      submitted: () => {
        this.#commitEarly()
      },
    })
    return this.#log
  }

  async step(): Promise<void> {
    this.#machine.advanceClock(stepMs)
    this.#timers.advance(stepMs)
    if (this.#isFull && this.#isThin && this.queuedWrites > 0) {
      // Of a block or of the ledger record behind it.
      this.#machine.refuseWrite(integerBetween(this.#random, 1, 2))
    }
    if (this.#rots) await this.#rot()
    if (this.queuedWrites === 0) this.#native?.pump(true)
    else if (integerBetween(this.#random, 1, 100) <= this.flushPercent) this.#flush()
    else this.#faults.diskSlow += 1
  }

  crash(): void {
    // Some more of what was under way reaches the disk, and nobody hears of it.
    this.#log?.die()
    this.#machine.powerOffAfter(integerBetween(this.#random, 0, 12))
    for (let groups = integerBetween(this.#random, 0, 4); groups > 0; groups--)
      this.#native?.pump(true)
    this.#machine.restart()
    this.#machine.setFull(this.#isFull)
    this.#native = null
    this.#rots = false
  }

  failSync(): void {
    this.#machine.failSync()
  }

  rot(): void {
    this.#rots = true
  }

  calm(): void {
    this.flushPercent = 100
    this.#machine.calm()
    this.#isFull = false
    this.#rots = false
  }

  #host(): LogHost {
    return {
      openLog: async (options, complete) => {
        const opened = await this.#machine.openLog(options, complete)
        this.#native = opened.log as PumpedLog
        return opened
      },
      openProgress: loadSimulation().openProgress,
      timers: this.#timers,
    }
  }

  /** The committer may be done with one write, or have failed it, before the next one of the same turn is submitted. */
  #commitEarly(): void {
    if (integerBetween(this.#random, 0, this.#isFull ? 1 : 7) === 0) this.#native?.pump(false)
  }

  #flush(): void {
    for (let groups = integerBetween(this.#random, 1, 4); groups > 0; groups--)
      this.#native?.pump(true)
  }

  /** A bit flips. When it is one that somebody reads, the log finds it; else it flips back, and another one does. */
  async #rot(): Promise<void> {
    this.#rots = false
    const native = this.#native
    for (let attempts = 0; attempts < 8; attempts++) {
      const position = this.#random.nextUint32()
      if (!this.#machine.flipBit(position)) return
      await this.#log?.readAll()
      // Whoever found it may have died of it: the machine has started again, and sees the bit as it is.
      if (this.isBroken || this.#native !== native) return
      this.#machine.flipBit(position)
    }
  }
}

function nullWhenFull(error: unknown): null {
  if (error instanceof ClustorError && error.code === 'ERR_DISK_FULL') return null
  throw error
}

const key = new Uint8Array(32).fill(7)
const keys = KeyRing.fromBytes({ dek: { 1: key }, mac: { 1: key }, activeDek: 1, activeMac: 1 })

/** Small files, so that segments are left and ledgers are switched; the settings differ from disk to disk. */
function drawOptions(random: Random): LogOptions {
  const pick = <T>(items: readonly T[]): T => {
    const item = items[integerBetween(random, 0, items.length - 1)]
    invariant(item !== undefined, 'W1')
    return item
  }
  return {
    directory: '/data',
    identity: { cluster: 'sim', partition: 'p', replica: 1 },
    durability: pick(['group', 'strict']),
    ledger: pick(['ordered', 'overlapped', 'inline']),
    ledgerCodec: pick(['binary', 'json']),
    encoding: pick(['binary', 'binary', 'json']),
    merkleLeaves: pick([false, true]),
    blockAlignmentBytes: pick([512, 4096]),
    segmentBytes: 65_536,
    ledgerBytesMax: 65_536,
    headroomBytes: 65_536,
    payloadBytesMax: 16_384,
    recentFramesBytesMax: pick([4_096, 1_048_576]),
    verifyThreads: 1,
    ...pick([{}, { keys }]),
  }
}
