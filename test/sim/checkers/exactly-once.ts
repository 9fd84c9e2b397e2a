import type { Cluster } from '../cluster.js'
import type { AppliedEntry } from '../watched-machine.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

interface Seen {
  count: number
  readonly values: Set<string>
}

/** No value reaches a machine twice: clients write each value once, however often they ask. */
export class ExactlyOnce implements Checker {
  readonly #seen = new Map<string, Seen>()

  check({ nodes }: Cluster): void {
    for (const { id, processName: name, machine } of nodes) {
      const seen = this.#seen.get(name) ?? { count: 0, values: new Set() }
      this.#seen.set(name, seen)
      for (; seen.count < machine.applied.length; seen.count++) {
        const { value, index } = machine.applied[seen.count] as AppliedEntry
        if (value === null) continue
        expect(!seen.values.has(value), 'exactly once', { node: id, value, index })
        seen.values.add(value)
      }
    }
  }
}
