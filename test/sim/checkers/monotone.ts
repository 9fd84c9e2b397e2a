import type { Cluster } from '../cluster.js'
import type { Disk } from '../disk.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

interface Seen {
  readonly term: number
  readonly commitIndex: number
  readonly appliedIndex: number
}

/** Term, commit index and applied index of a process never fall; the term on its disk never falls at all. */
export class Monotone implements Checker {
  readonly #seen = new Map<string, Seen>()
  readonly #durableTerms = new Map<Disk, number>()

  check({ nodes }: Cluster): void {
    for (const node of nodes) {
      const durableTerm = node.disk.durableHardState.term
      const before = this.#durableTerms.get(node.disk) ?? 0
      expect(durableTerm >= before, 'monotone', { node: node.id, durableTerm, before })
      this.#durableTerms.set(node.disk, durableTerm)
      const status = node.status()
      if (status === null || status.role === 'stopped') continue
      this.#checkLife(node.processName, status)
    }
  }

  #checkLife(name: string, { term, commitIndex, appliedIndex }: Seen): void {
    const before = this.#seen.get(name)
    const now = { term, commitIndex, appliedIndex }
    this.#seen.set(name, now)
    if (before === undefined) return
    const rises =
      term >= before.term &&
      commitIndex >= before.commitIndex &&
      appliedIndex >= before.appliedIndex
    expect(rises, 'monotone', { name, before, now })
  }
}
