import type { Cluster } from '../cluster.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

/** At most one leader in a term, and one vote a term of each node, over the life of the cluster (Raft figure 3). Who leads has its own
 *  vote on its disk: it counted. */
export class ElectionSafety implements Checker {
  readonly #leaders = new Map<number, number>()
  /** By node and term. */
  readonly #votes = new Map<number, Map<number, number>>()

  check(cluster: Cluster): void {
    this.#checkSent(cluster)
    const { nodes } = cluster
    for (const node of nodes) {
      const { term: votedTerm, vote } = node.disk.durableHardState
      if (vote !== 0) this.#checkVote(node.id, votedTerm, vote)
      const status = node.status()
      if (status?.role !== 'leader') continue
      const { term } = status
      expect(votedTerm >= term, 'a vote counts when it is durable', {
        node: node.id,
        term,
        votedTerm,
      })
      const known = this.#leaders.get(term) ?? node.id
      expect(known === node.id, 'election safety', { term, known, also: node.id })
      this.#leaders.set(term, known)
    }
  }

  /** A vote that was told is on the disk of who gave it, unless that has gone on to a later term. */
  #checkSent(cluster: Cluster): void {
    for (const { from, to, term } of cluster.votesSent.splice(0)) {
      const { term: votedTerm, vote } = cluster.node(from).disk.durableHardState
      const isKept = votedTerm > term || (votedTerm === term && vote === to)
      expect(isKept, 'a vote is durable when it is told', { from, to, term, votedTerm, vote })
    }
  }

  #checkVote(node: number, term: number, vote: number): void {
    const votes = this.#votes.get(node) ?? new Map<number, number>()
    this.#votes.set(node, votes)
    const known = votes.get(term) ?? vote
    expect(known === vote, 'one vote a term', { node, term, known, vote })
    votes.set(term, vote)
  }
}
