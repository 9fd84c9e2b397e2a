import type { Random } from '../../src/base/random.js'
import type { HardState } from '../../src/raft/ready.js'
import type { FrameBatch, ReplicaLog } from '../../src/wal/replica-log.js'
import type { FaultCounts } from './faults.js'

/** What checkers know of a disk without asking the process that works on it. */
export interface DiskView {
  /** Writes of the running process that it was not answered yet. */
  readonly queuedWrites: number
  /** Whether the log takes no writes any more, until a new process opens what is durable. */
  readonly isBroken: boolean
  /** The term and vote that would survive a crash. */
  readonly durableHardState: HardState
  /** An entry that the running process wrote, durable or not. */
  submittedEntry(index: number): FrameBatch | undefined
  /** An entry that would survive a crash. */
  durableEntry(index: number): FrameBatch | undefined
}

/** The disk of one node, which outlives its processes, and its faults. Equal seeds and equal calls give equal answers. */
export interface Disk extends DiskView {
  /** Out of 100 steps, the disk completes writes in so many. */
  flushPercent: number
  isFull: boolean
  /** The log as a new process finds it; one process at a time. Null: the disk is too full for it. */
  open(): Promise<ReplicaLog | null>
  /** Time passes: writes that wait are completed, or refused for want of space, oldest first. */
  step(): Promise<void> | void
  /** The process dies here and now. Of its writes under way a prefix may have reached the disk. */
  crash(): void
  /** The next sync fails: the log is broken. */
  failSync(): void
  /** What is durable is damaged, and found to be so. */
  rot(): void
  /** Ends the faults that last. */
  calm(): void
}

export type CreateDisk = (random: Random, faults: FaultCounts) => Disk
