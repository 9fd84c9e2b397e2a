import { leaveJointChange, type MembershipChange } from '../../../src/raft/membership.js'
import type { StoredEntry } from './disk.js'

/** What entries and snapshots contain, which the cores never see. Replicas that talk to each other share one. */
export class Contents {
  readonly #changes = new Map<string, MembershipChange>()
  readonly #covered = new Map<number, readonly StoredEntry[]>()

  /** A leader gave the entry at (term, index) this content. */
  putChange(term: number, index: number, change: MembershipChange): void {
    this.#changes.set(`${term}/${index}`, change)
  }

  /** The change in an entry of kind membership. A leader's own one leaves a joint configuration. */
  changeAt(term: number, index: number): MembershipChange {
    return this.#changes.get(`${term}/${index}`) ?? leaveJointChange
  }

  /** A snapshot covers these entries, from index 1 on. */
  putSnapshot(covered: readonly StoredEntry[]): void {
    this.#covered.set(covered.length, covered)
  }

  coveredUpTo(index: number): StoredEntry[] {
    return [...(this.#covered.get(index) ?? [])]
  }
}
