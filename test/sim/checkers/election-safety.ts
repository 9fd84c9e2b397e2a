import type { Cluster } from '../cluster.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

/** At most one leader in a term, and one vote a term of each node, over the life of the cluster (Raft figure 3). Who leads has its own
 *  vote on its disk: it counted. */
export class ElectionSafety implements Checker {
  readonly #leaders = new Map<number, number>()
  readonly #votes = new Map<string, number>()

  check({ nodes }: Cluster): void {
    for (const node of nodes) {
      const { term: votedTerm, vote } = node.disk.durableHardState
      if (vote !== 0) this.#checkVote(`n${node.id} term ${votedTerm}`, vote)
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

  #checkVote(name: string, vote: number): void {
    const known = this.#votes.get(name) ?? vote
    expect(known === vote, 'one vote a term', { name, known, vote })
    this.#votes.set(name, vote)
  }
}
