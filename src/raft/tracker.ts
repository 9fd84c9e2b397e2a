import type { ReplicaId } from '../base/ids.js'
import { isVoterOf, memberIds, type MembershipConfiguration } from './membership.js'
import type { CoreLimits } from './options.js'
import { Progress } from './progress.js'
import { jointPosition, jointVoteResult, type VoteResult } from './quorum.js'
import type { ProgressStatus } from './ready.js'

/** The configuration in force, with what is known of each replica in it: its progress and its vote. */
export class Tracker {
  readonly #limits: CoreLimits
  readonly #progress = new Map<ReplicaId, Progress>()
  readonly #votes = new Map<ReplicaId, boolean>()
  #configuration: MembershipConfiguration
  #ids: readonly ReplicaId[] = []

  constructor(configuration: MembershipConfiguration, nextIndex: number, limits: CoreLimits) {
    this.#limits = limits
    this.#configuration = configuration
    this.reconfigure(configuration, nextIndex)
  }

  get configuration(): MembershipConfiguration {
    return this.#configuration
  }

  /** Every replica of the configuration, ascending: messages go out in this order. */
  get ids(): readonly ReplicaId[] {
    return this.#ids
  }

  /** Puts a configuration in force. Who stays keeps its progress, who goes loses it.
   *  @param nextIndex where replication to a new replica begins. */
  reconfigure(configuration: MembershipConfiguration, nextIndex: number): void {
    this.#configuration = configuration
    this.#ids = memberIds(configuration)
    for (const id of this.#progress.keys()) if (!this.#ids.includes(id)) this.#progress.delete(id)
    for (const id of this.#ids) {
      if (this.#progress.has(id)) continue
      const progress = new Progress(id, nextIndex, this.#limits)
      // It could not be heard of yet, which must not count against its leader's quorum.
      progress.recentActive = true
      this.#progress.set(id, progress)
    }
  }

  progressOf(id: ReplicaId): Progress | undefined {
    return this.#progress.get(id)
  }

  isVoter(id: ReplicaId): boolean {
    return isVoterOf(this.#configuration, id)
  }

  isLearner(id: ReplicaId): boolean {
    return this.#configuration.learners.includes(id)
  }

  /** Starts over for a new term or role: nothing is known of the others. */
  reset(self: ReplicaId, lastIndex: number, durableIndex: number): void {
    this.clearVotes()
    for (const [id, progress] of this.#progress) {
      progress.reset(lastIndex + 1, id === self ? durableIndex : 0)
    }
  }

  clearVotes(): void {
    this.#votes.clear()
  }

  /** Counts a vote; a second answer of the same replica changes nothing. */
  recordVote(id: ReplicaId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted)
  }

  voteResult(): VoteResult {
    return jointVoteResult(this.#configuration, (id) => this.#votes.get(id))
  }

  get hasRefusal(): boolean {
    return [...this.#votes.values()].includes(false)
  }

  /** Whether every voter has answered. */
  get hasEveryVote(): boolean {
    return this.#ids.every((id) => !this.isVoter(id) || this.#votes.has(id))
  }

  /** The index that a quorum is known to hold durably. */
  quorumMatchIndex(): number {
    return jointPosition(this.#configuration, (id) => this.#progress.get(id)?.matchIndex ?? 0)
  }

  /** Whether a quorum was heard of since the last time this was asked. */
  takeQuorumActive(self: ReplicaId): boolean {
    const result = jointVoteResult(
      this.#configuration,
      (id) => this.#progress.get(id)?.recentActive === true,
    )
    for (const [id, progress] of this.#progress) progress.recentActive = id === self
    return result === 'vote-won'
  }

  assertValid(): void {
    for (const progress of this.#progress.values()) progress.assertValid()
  }

  status(): ProgressStatus[] {
    return this.#ids.flatMap((id) => {
      const progress = this.#progress.get(id)
      return progress === undefined ? [] : progress.status({ learner: this.isLearner(id) })
    })
  }
}
