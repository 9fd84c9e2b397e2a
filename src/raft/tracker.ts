import type { ReplicaId } from '../base/ids.js'
import type { CoreLimits } from './options.js'
import { Progress } from './progress.js'
import { jointPosition, jointVoteResult, type VoteResult } from './quorum.js'
import type { ProgressStatus, VoterSets } from './ready.js'

/** The configuration in force, with what is known of each replica in it: its progress and its vote. */
export class Tracker {
  readonly voters: VoterSets
  /** Every replica of the configuration, ascending: messages go out in this order. */
  readonly ids: readonly ReplicaId[]
  readonly #progress = new Map<ReplicaId, Progress>()
  readonly #votes = new Map<ReplicaId, boolean>()

  constructor(voters: VoterSets, nextIndex: number, limits: CoreLimits) {
    this.voters = voters
    this.ids = [...new Set([...voters.incoming, ...voters.outgoing])].sort((a, b) => a - b)
    const window = { messagesMax: limits.inflightMessagesMax, bytesMax: limits.inflightBytesMax }
    for (const id of this.ids) this.#progress.set(id, new Progress(id, nextIndex, window))
  }

  progressOf(id: ReplicaId): Progress | undefined {
    return this.#progress.get(id)
  }

  isVoter(id: ReplicaId): boolean {
    return this.voters.incoming.includes(id) || this.voters.outgoing.includes(id)
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
    return jointVoteResult(this.voters, (id) => this.#votes.get(id))
  }

  /** The index that a quorum is known to hold durably. */
  quorumMatchIndex(): number {
    return jointPosition(this.voters, (id) => this.#progress.get(id)?.matchIndex ?? 0)
  }

  /** Whether a quorum was heard of since the last time this was asked. */
  takeQuorumActive(self: ReplicaId): boolean {
    const result = jointVoteResult(
      this.voters,
      (id) => this.#progress.get(id)?.recentActive === true,
    )
    for (const [id, progress] of this.#progress) progress.recentActive = id === self
    return result === 'vote-won'
  }

  assertValid(): void {
    for (const progress of this.#progress.values()) progress.assertValid()
  }

  status(): ProgressStatus[] {
    return this.ids.flatMap((id) => this.#progress.get(id)?.status() ?? [])
  }
}
