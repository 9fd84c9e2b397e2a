import { noReplica } from '../base/ids.js'
import type { Core } from '../raft/core.js'
import { entryKinds } from '../raft/entry-range.js'
import { membershipPayload } from './membership-entry.js'
import type { ProposalQueue } from './proposals.js'

/** Proposes the promotion of learners that keep up, one at a time, like a change that somebody asked for. What fails is tried
 *  again when the learner still, or again, keeps up. */
export class LearnerPromotion {
  readonly #core: Core
  readonly #proposals: ProposalQueue
  readonly #timeoutMs: number
  #underWay = false

  constructor(core: Core, proposals: ProposalQueue, timeoutMs: number) {
    this.#core = core
    this.#proposals = proposals
    this.#timeoutMs = timeoutMs
  }

  /** To be called once in a while. */
  look(nowMs: number): void {
    const id = this.#core.promotableLearner()
    if (id === noReplica || this.#underWay) return
    this.#underWay = true
    const ended = (): void => {
      this.#underWay = false
    }
    this.#proposals.add({
      kind: entryKinds.membership,
      bytes: membershipPayload({ transition: 'auto', changes: [{ kind: 'add-voter', id }] }),
      deadlineMs: nowMs + this.#timeoutMs,
      signal: undefined,
      waiter: { resolve: ended, reject: ended },
    })
  }
}
