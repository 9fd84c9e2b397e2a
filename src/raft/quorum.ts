import type { ReplicaId } from '../base/ids.js'
import type { VoterSets } from './ready.js'

/** What the votes seen so far decide. */
export type VoteResult = 'vote-won' | 'vote-pending' | 'vote-lost'

/** How one replica voted; undefined while it has not. */
export type VoteLookup = (id: ReplicaId) => boolean | undefined

/** The position that one replica has reached: a match index or a read round; 0 for none. */
export type PositionLookup = (id: ReplicaId) => number

/** The smallest number of replicas that any two majorities of `voterCount` share one of. */
export const majorityOf = (voterCount: number): number => Math.floor(voterCount / 2) + 1

/** The result of an election among one set of voters. An empty set wins, so that a joint configuration
 *  with one empty half behaves as the other half. */
export function majorityVoteResult(voters: readonly ReplicaId[], voteOf: VoteLookup): VoteResult {
  if (voters.length === 0) return 'vote-won'
  let granted = 0
  let missing = 0
  for (const id of voters) {
    const vote = voteOf(id)
    if (vote === undefined) missing++
    else if (vote) granted++
  }
  const needed = majorityOf(voters.length)
  if (granted >= needed) return 'vote-won'
  return granted + missing >= needed ? 'vote-pending' : 'vote-lost'
}

/** The result of an election in a joint configuration: both halves must be won (Raft §6). */
export function jointVoteResult(voters: VoterSets, voteOf: VoteLookup): VoteResult {
  const incoming = majorityVoteResult(voters.incoming, voteOf)
  const outgoing = majorityVoteResult(voters.outgoing, voteOf)
  if (incoming === outgoing) return incoming
  return incoming === 'vote-lost' || outgoing === 'vote-lost' ? 'vote-lost' : 'vote-pending'
}

/** The largest position that a majority of one set of voters has reached; Infinity for an empty set,
 *  which thereby never holds back the other half of a joint configuration. */
export function majorityPosition(voters: readonly ReplicaId[], positionOf: PositionLookup): number {
  if (voters.length === 0) return Infinity
  const positions: number[] = []
  for (const id of voters) insertAscending(positions, positionOf(id))
  return positions[voters.length - majorityOf(voters.length)] ?? 0
}

/** The largest position that a majority of both halves has reached. */
export function jointPosition(voters: VoterSets, positionOf: PositionLookup): number {
  return Math.min(
    majorityPosition(voters.incoming, positionOf),
    majorityPosition(voters.outgoing, positionOf),
  )
}

/** Insertion keeps the few voters of a group sorted without the cost of a comparator. */
function insertAscending(positions: number[], position: number): void {
  let slot = positions.length
  for (; slot > 0; slot--) {
    const below = positions[slot - 1] ?? 0
    if (below <= position) break
    positions[slot] = below
  }
  positions[slot] = position
}
