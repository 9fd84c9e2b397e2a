import type { Cluster } from '../cluster.js'
import type { SimulatedNode } from '../node.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'
import { termOf } from './committed-log.js'
import type { CommittedLog } from './committed-log.js'

/** Who becomes leader holds every entry that was committed in an earlier term (Raft §5.4). */
export class LeaderCompleteness implements Checker {
  readonly #committed: CommittedLog
  readonly #checkedTerms = new Set<number>()

  constructor(committed: CommittedLog) {
    this.#committed = committed
  }

  check({ nodes }: Cluster): void {
    for (const node of nodes) {
      const status = node.status()
      if (status?.role !== 'leader' || this.#checkedTerms.has(status.term)) continue
      // A full disk has refused writes: the log is behind what the node decided.
      if (status.pending.writes !== node.disk.queuedWrites) continue
      this.#checkedTerms.add(status.term)
      this.#checkLeader(node, status.term, status.lastIndex)
    }
  }

  #checkLeader(node: SimulatedNode, term: number, lastIndex: number): void {
    for (let index = 1; index <= this.#committed.lastIndex; index++) {
      const known = this.#committed.at(index)
      if (known === undefined || known.inTerm >= term) continue
      const held = node.disk.submittedEntry(index)
      const has = index <= lastIndex && held !== undefined && termOf(held) === termOf(known.entry)
      expect(has, 'leader completeness', { leader: node.id, term, index, lastIndex })
    }
  }
}
