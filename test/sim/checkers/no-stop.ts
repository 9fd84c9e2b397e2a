import type { Cluster } from '../cluster.js'
import { expect } from './checker.js'
import type { Checker } from './checker.js'

/** Reasons for which a process may end by itself here: a failed sync, and rot. */
const expectedCodes: ReadonlySet<string> = new Set(['ERR_LOG_POISONED', 'ERR_LOG_QUARANTINED'])

/** No process stops because it met a broken rule or an error that nobody planned for. */
export class NoUnexpectedStop implements Checker {
  check({ nodes }: Cluster): void {
    for (const node of nodes) {
      const { stopCode } = node
      const expected = stopCode === null || expectedCodes.has(stopCode)
      expect(expected, 'no unexpected stop', { node: node.id, stopCode, why: node.status()?.why })
    }
  }
}
