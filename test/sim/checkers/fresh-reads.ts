import type { LogIndex } from '../../../src/base/ids.js'
import { expect } from './checker.js'
import type { CommittedLog } from './committed-log.js'

/** A linearizable read sees whatever anybody knew to be committed when it was asked (dissertation §6.4). The history of the
 *  clients shows a stale read only where it lacks a write to its own key; here every entry counts. */
export class FreshReads {
  readonly #committed: CommittedLog

  constructor(committed: CommittedLog) {
    this.#committed = committed
  }

  /** What a read that is asked now must see. */
  get floor(): number {
    return this.#committed.lastIndex
  }

  served(floor: number, appliedIndex: LogIndex): void {
    expect(appliedIndex >= floor, 'reads are fresh', { appliedIndex, floor })
  }
}
