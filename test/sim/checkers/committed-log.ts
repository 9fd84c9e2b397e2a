import type { VoterSets } from '../../../src/raft/ready.js'
import type { FrameBatch } from '../../../src/wal/replica-log.js'
import type { Cluster } from '../cluster.js'
import { Configurations, isQuorum } from '../configurations.js'
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

/** The entries that were committed. What is committed is on the disks of a quorum of its configuration when a node first says so,
 *  is the same on every disk below its commit index, and never changes (log matching on the committed prefix; committed implies
 *  durable). */
export class CommittedLog implements Checker {
  readonly configurations: Configurations
  readonly #entries: (Committed | undefined)[] = []
  readonly #checked = new Map<string, number>()
  #steps = 0

  constructor({ voters }: Cluster) {
    this.configurations = new Configurations(voters)
  }

  at(index: number): Committed | undefined {
    return this.#entries[index]
  }

  get lastIndex(): number {
    return Math.max(0, this.#entries.length - 1)
  }

  check(cluster: Cluster): void {
    this.#steps += 1
    for (const node of cluster.nodes) this.#checkNode(node, cluster)
    if (this.#steps % wholeCheckSteps === 0) this.#checkQuorums(cluster)
  }

  /** Looks at the entries up to one that is said to be committed, at the moment at which it is said. */
  checkUpTo(index: number, cluster: Cluster): void {
    for (let at = this.lastIndex + 1; at <= index; at++) {
      const copies = cluster.nodes.flatMap(({ disk }) => disk.durableEntry(at) ?? [])
      const configurations = this.configurations.before(at)
      const entry = copies.find((copy) => isHeld(copy, configurations, cluster))
      expect(entry !== undefined, 'no acknowledgement before durable', { index: at })
      this.#note(at, entry, termOf(entry))
    }
  }

  #checkNode(node: SimulatedNode, cluster: Cluster): void {
    const status = node.status()
    if (status === null || status.role === 'stopped') return
    const { disk } = node
    // A full disk has refused writes: the log is behind what the node decided.
    if (status.pending.writes !== disk.queuedWrites) return
    const name = node.processName
    const begin = (this.#checked.get(name) ?? 0) + 1
    if (status.commitIndex < begin) return
    for (let index = begin; index <= status.commitIndex; index++) {
      const entry = disk.submittedEntry(index)
      expect(entry !== undefined, 'commit within the log', { node: node.id, index })
      this.#checkEntry(node, index, entry, { term: status.term, cluster })
    }
    this.#checked.set(name, status.commitIndex)
  }

  #checkEntry(
    node: SimulatedNode,
    index: number,
    entry: FrameBatch,
    { term, cluster }: { readonly term: number; readonly cluster: Cluster },
  ): void {
    const known = this.#entries[index]
    if (known === undefined) {
      const durable = isHeld(entry, this.configurations.before(index), cluster)
      expect(durable, 'committed implies durable', { node: node.id, index })
      this.#note(index, entry, term)
    } else {
      const [was, is] = [termOf(known.entry), termOf(entry)]
      expect(isSame(known.entry, entry), 'log matching', { node: node.id, index, was, is })
    }
  }

  #note(index: number, entry: FrameBatch, inTerm: number): void {
    this.#entries[index] = { entry, inTerm }
    this.configurations.note(index, entry)
  }

  #checkQuorums(cluster: Cluster): void {
    const configurations = this.configurations.before(this.#entries.length)
    for (const [index, known] of this.#entries.entries()) {
      if (known === undefined) continue
      expect(isHeld(known.entry, configurations, cluster), 'committed is immutable', { index })
    }
  }
}

/** Whether a quorum of one of the configurations has an entry. */
function isHeld(
  entry: FrameBatch,
  configurations: readonly VoterSets[],
  { nodes }: Cluster,
): boolean {
  const ids = new Set<number>()
  for (const { id, disk } of nodes) {
    const copy = disk.durableEntry(entry.range.firstIndex)
    if (copy !== undefined && isSame(entry, copy)) ids.add(id)
  }
  return configurations.some((configuration) => isQuorum(configuration, ids))
}

export const termOf = ({ range }: FrameBatch): number => range.runs[0]?.term ?? 0

const isSame = (a: FrameBatch, b: FrameBatch): boolean =>
  a === b || (termOf(a) === termOf(b) && Buffer.compare(a.bytes, b.bytes) === 0)
