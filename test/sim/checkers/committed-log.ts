import type { FrameBatch } from '../../../src/wal/replica-log.js'
import type { Cluster } from '../cluster.js'
import type { SimulatedNode } from '../node.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

interface Committed {
  readonly entry: FrameBatch
  /** The first term in which somebody knew the entry to be committed. */
  readonly inTerm: number
}

/** All of this many steps the durable logs are compared from their first entry on. */
const wholeCheckSteps = 50

/** The entries that were committed. What is committed is on the disks of a majority when a node first says so, is the same
 *  on every disk below its commit index, and never changes (log matching on the committed prefix; committed implies durable). */
export class CommittedLog implements Checker {
  readonly #entries: (Committed | undefined)[] = []
  readonly #checked = new Map<string, number>()
  #steps = 0

  at(index: number): Committed | undefined {
    return this.#entries[index]
  }

  get lastIndex(): number {
    return Math.max(0, this.#entries.length - 1)
  }

  check(cluster: Cluster): void {
    this.#steps += 1
    for (const node of cluster.nodes) this.#checkNode(node, cluster)
    if (this.#steps % wholeCheckSteps === 0) this.#checkMajority(cluster)
  }

  /** Whether a majority of the disks hold the same entry at an index. */
  isDurable(index: number, cluster: Cluster): boolean {
    const copies = cluster.nodes.map(({ disk }) => disk.durableEntry(index))
    return copies.some((copy) => copy !== undefined && isHeld(copy, index, cluster))
  }

  #checkNode(node: SimulatedNode, cluster: Cluster): void {
    const status = node.status()
    if (status === null || status.role === 'stopped') return
    const { disk } = node
    // A full disk has refused writes: the log is behind what the node decided.
    if (status.pending.writes !== disk.queuedWrites) return
    const name = `n${node.id}/${node.life}`
    const begin = (this.#checked.get(name) ?? 0) + 1
    for (let index = begin; index <= status.commitIndex; index++) {
      const entry = disk.submittedEntry(index)
      expect(entry !== undefined, 'commit within the log', { node: node.id, index })
      this.#checkEntry(node, index, entry, { term: status.term, cluster })
    }
    this.#checked.set(name, Math.max(begin - 1, status.commitIndex))
  }

  #checkEntry(
    node: SimulatedNode,
    index: number,
    entry: FrameBatch,
    { term, cluster }: { readonly term: number; readonly cluster: Cluster },
  ): void {
    const known = this.#entries[index]
    if (known === undefined) {
      const durable = isHeld(entry, index, cluster)
      expect(durable, 'committed implies durable', { node: node.id, index })
      this.#entries[index] = { entry, inTerm: term }
    } else {
      const [was, is] = [termOf(known.entry), termOf(entry)]
      expect(isSame(known.entry, entry), 'log matching', { node: node.id, index, was, is })
    }
  }

  #checkMajority(cluster: Cluster): void {
    for (const [index, known] of this.#entries.entries()) {
      if (known === undefined) continue
      expect(isHeld(known.entry, index, cluster), 'committed is immutable', { index })
    }
  }
}

function isHeld(entry: FrameBatch, index: number, { nodes }: Cluster): boolean {
  let holders = 0
  for (const { disk } of nodes) {
    const copy = disk.durableEntry(index)
    if (copy !== undefined && isSame(entry, copy)) holders += 1
  }
  return holders * 2 > nodes.length
}

export const termOf = ({ range }: FrameBatch): number => range.runs[0]?.term ?? 0

const isSame = (a: FrameBatch, b: FrameBatch): boolean =>
  a === b || (termOf(a) === termOf(b) && Buffer.compare(a.bytes, b.bytes) === 0)
