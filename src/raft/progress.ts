import type { LogIndex, ReplicaId } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import { Inflights } from './inflights.js'
import type { CoreLimits } from './options.js'
import type { ProgressState, ProgressStatus } from './ready.js'
import { RoundTrip } from './round-trip.js'

type ProgressLimits = Pick<
  CoreLimits,
  'inflightMessagesMax' | 'inflightBytesMax' | 'highRoundTripTicks'
>

/** What a leader knows of one replica, and how it sends to it.
 *
 *  probe: where the logs meet is a guess; one append, then wait for the answer or the next heartbeat.
 *  replicate: the guess was confirmed; appends are pipelined, nextIndex runs ahead of matchIndex,
 *  bounded by the in-flight window.
 *  snapshot: what the replica needs is compacted away; nothing is sent while a snapshot is on its way to it.
 *  Invariant R11: matchIndex < nextIndex. */
export class Progress {
  readonly id: ReplicaId
  readonly roundTrip: RoundTrip
  readonly #inflights: Inflights
  #state: ProgressState = 'probe'
  #matchIndex = 0
  #nextIndex: number
  /** The largest commit index sent that the follower is likely to have taken. */
  #sentCommitIndex = 0
  /** The index of the snapshot that is on its way; 0 for none. */
  #pendingSnapshotIndex = 0
  #paused = false
  /** Whether the replica was heard of since the last check-quorum. */
  recentActive = false
  /** Check-quorum intervals on end in which this learner kept up. */
  keptUpRounds = 0

  constructor(id: ReplicaId, nextIndex: number, limits: ProgressLimits) {
    this.id = id
    this.#nextIndex = nextIndex
    this.#inflights = new Inflights(limits.inflightMessagesMax, limits.inflightBytesMax)
    this.roundTrip = new RoundTrip(limits.highRoundTripTicks)
  }

  get state(): ProgressState {
    return this.#state
  }

  get matchIndex(): LogIndex {
    return this.#matchIndex as LogIndex
  }

  get nextIndex(): LogIndex {
    return this.#nextIndex as LogIndex
  }

  /** No append may be sent until something is heard. */
  get paused(): boolean {
    return this.#paused || this.#state === 'snapshot'
  }

  /** Whether an append may carry entries: a full window admits only empty ones, which keep the flow alive. */
  get admitsEntries(): boolean {
    return this.#state === 'probe' || !this.#inflights.full
  }

  becomeProbe(): void {
    this.#enter('probe')
    this.#sentCommitIndex = Math.min(this.#sentCommitIndex, this.#matchIndex)
  }

  /** Guesses anew that the logs meet right before `nextIndex`. */
  probeFrom(nextIndex: number): void {
    this.becomeProbe()
    this.#nextIndex = Math.max(nextIndex, this.#matchIndex + 1)
  }

  becomeReplicate(): void {
    this.#enter('replicate')
  }

  /** A snapshot that ends at `index` is sent; entries follow when the replica says how far it has got. */
  becomeSnapshot(index: number): void {
    this.#clear('snapshot')
    this.#pendingSnapshotIndex = index
    this.#nextIndex = index + 1
    this.#sentCommitIndex = index
  }

  /** The snapshot arrived, or did not: probes from behind it, or from where it was, after the next sign of life. */
  endSnapshot({ delivered }: { readonly delivered: boolean }): void {
    const nextIndex = delivered ? this.#pendingSnapshotIndex + 1 : 0
    this.probeFrom(nextIndex)
    this.#paused = true
  }

  /** Takes an acknowledgement that the replica holds everything up to `index`.
   *  @returns false when that was known before. */
  acknowledgeMatch(index: number): boolean {
    if (index <= this.#matchIndex) return false
    this.#matchIndex = index
    this.#nextIndex = Math.max(this.#nextIndex, index + 1)
    this.#paused = false
    return true
  }

  /** Frees the window up to an acknowledged index. */
  freeInflights(index: number): void {
    this.#inflights.freeUpTo(index)
  }

  /** Takes a rejection of the append after `rejectedIndex`.
   *  @param hintIndex the largest index at which the logs may match.
   *  @returns false when the rejection is stale: a later answer overtook it. */
  reject(rejectedIndex: number, hintIndex: number): boolean {
    if (this.#state === 'snapshot') return false
    if (this.#state === 'replicate') {
      if (rejectedIndex <= this.#matchIndex) return false
      this.#retreatTo(this.#matchIndex + 1)
      return true
    }
    // While probing only the answer to the probe in flight counts.
    if (this.#nextIndex - 1 !== rejectedIndex) return false
    this.#retreatTo(Math.max(Math.min(rejectedIndex, hintIndex + 1), this.#matchIndex + 1))
    this.#paused = false
    return true
  }

  /** Notes an append that was sent with `count` entries of `bytes` frame bytes, from nextIndex on. */
  sentAppend(count: number, bytes: number, commitIndex: number): void {
    this.#sentCommitIndex = commitIndex
    if (this.#state === 'probe') {
      if (count > 0) this.#paused = true
      return
    }
    if (count > 0) {
      this.#nextIndex += count
      this.#inflights.add(this.#nextIndex - 1, bytes)
    }
    this.#paused = this.#inflights.full
  }

  /** Whether telling `commitIndex` now could move the follower's commit index on. */
  canAdvanceCommit(commitIndex: number): boolean {
    return commitIndex > this.#sentCommitIndex && this.#sentCommitIndex < this.#nextIndex - 1
  }

  /** A heartbeat came back: one append may be tried again. */
  resume(): void {
    this.#paused = false
  }

  /** Starts over for a new leadership. */
  reset(nextIndex: number, matchIndex: number): void {
    this.#matchIndex = matchIndex
    this.#nextIndex = nextIndex
    this.#sentCommitIndex = 0
    this.recentActive = false
    this.keptUpRounds = 0
    this.roundTrip.reset()
    this.#clear('probe')
  }

  assertValid(): void {
    invariant(this.#matchIndex < this.#nextIndex, 'R11', {
      id: this.id,
      matchIndex: this.#matchIndex,
      nextIndex: this.#nextIndex,
    })
  }

  /** @param options whether the replica is a learner is for the configuration to say. */
  status({ learner }: { readonly learner: boolean }): ProgressStatus {
    return {
      id: this.id,
      state: this.#state,
      matchIndex: this.matchIndex,
      nextIndex: this.nextIndex,
      inflightMessages: this.#inflights.count,
      inflightBytes: this.#inflights.bytes,
      pendingSnapshotIndex: this.#pendingSnapshotIndex as LogIndex,
      paused: this.paused,
      recentActive: this.recentActive,
      roundTripTicks: this.roundTrip.averageTicks,
      learner,
    }
  }

  #enter(state: ProgressState): void {
    this.#clear(state)
    this.#nextIndex = this.#matchIndex + 1
  }

  #clear(state: ProgressState): void {
    this.#state = state
    this.#pendingSnapshotIndex = 0
    this.#paused = false
    this.#inflights.clear()
  }

  #retreatTo(nextIndex: number): void {
    this.#nextIndex = nextIndex
    // A commit index told beyond the retreat was most likely not taken.
    this.#sentCommitIndex = Math.min(this.#sentCommitIndex, nextIndex - 1)
  }
}
