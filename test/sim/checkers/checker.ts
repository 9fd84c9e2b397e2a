import type { Cluster } from '../cluster.js'

/** Watches a cluster from the outside; `check` runs after every step. */
export interface Checker {
  /** @throws SafetyViolation */
  check(cluster: Cluster): void
}

export class SafetyViolation extends Error {
  readonly property: string

  constructor(property: string, values: object) {
    super(`${property} does not hold: ${JSON.stringify(values)}`)
    this.property = property
  }
}

export function expect(holds: boolean, property: string, values: object): asserts holds {
  if (!holds) throw new SafetyViolation(property, values)
}
