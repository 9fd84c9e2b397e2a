import type { Cluster } from '../cluster.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

/** Two machines that have applied up to an index have applied, and answered, the same (Raft figure 3). */
export class StateMachineSafety implements Checker {
  readonly #digests = new Map<number, string>()
  readonly #seen = new Map<string, number>()

  check({ nodes }: Cluster): void {
    for (const { id, processName: name, machine } of nodes) {
      for (let at = this.#seen.get(name) ?? 0; at < machine.applied.length; at++) {
        const { index, digest } = machine.applied[at] as (typeof machine.applied)[number]
        const known = this.#digests.get(index) ?? digest
        expect(known === digest, 'state machine safety', { node: id, index, known, digest })
        this.#digests.set(index, digest)
      }
      this.#seen.set(name, machine.applied.length)
    }
  }
}
