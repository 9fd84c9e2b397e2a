import type { Cluster } from '../cluster.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

/** applied ≤ commit ≤ last and durable ≤ last, on every node. */
export class OrderOfIndexes implements Checker {
  check({ nodes }: Cluster): void {
    for (const node of nodes) {
      const status = node.status()
      if (status === null || status.role === 'stopped') continue
      const { appliedIndex, commitIndex, lastIndex, durableIndex, pending } = status
      const values = { node: node.id, appliedIndex, commitIndex, lastIndex, durableIndex }
      expect(appliedIndex <= commitIndex, 'order of indexes', values)
      // While writes are under way the log may hold less than the core, or more: a truncation that is still to come.
      if (pending.writes > 0) continue
      const ordered = commitIndex <= lastIndex && durableIndex <= lastIndex
      expect(ordered, 'order of indexes', values)
    }
  }
}
