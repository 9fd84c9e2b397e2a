import type { ProposeResult } from '../../../src/replica/proposals.js'
import type { Cluster } from '../cluster.js'
import type { CommittedLog } from './committed-log.js'

/** A client hears of a write only when it is durable on a quorum: checked at the moment at which it hears. */
export class AcknowledgedIsDurable {
  readonly #committed: CommittedLog

  constructor(committed: CommittedLog) {
    this.#committed = committed
  }

  acknowledged({ index }: ProposeResult, cluster: Cluster): void {
    this.#committed.checkUpTo(index, cluster)
  }
}
