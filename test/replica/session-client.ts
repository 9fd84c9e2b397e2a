import type { LogIndex } from '../../src/base/ids.js'
import type { Random } from '../../src/base/random.js'
import { integerBetween } from '../../src/base/random.js'
import type { Attempt, SimulatedCluster } from './simulated-cluster.js'

interface Pending {
  readonly sequence: number
  readonly text: string
  attempt: Attempt | null
}

/** A client with a session, as the remote client behaves: it pipelines, and when a proposal fails it proposes everything that
 *  is unanswered again, in order, to whoever leads then. */
export class SessionClient {
  readonly #cluster: SimulatedCluster
  readonly #random: Random
  readonly #name: string
  readonly #pipelineMax: number
  #sessionAttempt: Attempt | null = null
  #session: LogIndex | null = null
  readonly #pending: Pending[] = []
  #sequence = 0
  /** Texts whose answer has come, in the order of their sequence. */
  readonly acknowledged: string[] = []
  retryCount = 0

  constructor(cluster: SimulatedCluster, random: Random, name: string, pipelineMax: number) {
    this.#cluster = cluster
    this.#random = random
    this.#name = name
    this.#pipelineMax = pipelineMax
  }

  get isIdle(): boolean {
    return this.#pending.length === 0
  }

  /** Collects answers, repeats what failed, and proposes something new while `more`. */
  act({ more }: { readonly more: boolean }): void {
    const leader = this.#cluster.leader()
    if (leader === null) return
    if (this.#session === null) {
      this.#openSession(leader)
      return
    }
    this.#collect(leader)
    while (
      more &&
      this.#pending.length < this.#pipelineMax &&
      integerBetween(this.#random, 0, 2) > 0
    ) {
      this.#sequence += 1
      const text = `${this.#name}:${this.#sequence}`
      this.#pending.push({ sequence: this.#sequence, text, attempt: null })
    }
    for (const pending of this.#pending) pending.attempt ??= this.#propose(leader, pending)
  }

  #openSession(leader: number): void {
    const attempt = this.#sessionAttempt
    if (attempt === null || attempt.error !== undefined) this.#sessionAttempt = this.#open(leader)
    this.#session = this.#sessionAttempt?.result?.index ?? null
  }

  #open(leader: number): Attempt {
    const attempt: Attempt = {}
    this.#cluster.replica(leader).openSession(
      { timeoutMs: 1_000 },
      {
        resolve: (result) => (attempt.result = result),
        reject: (error) => (attempt.error = error),
      },
    )
    return attempt
  }

  #collect(leader: number): void {
    while (this.#pending[0]?.attempt?.result !== undefined) {
      this.acknowledged.push(this.#pending.shift()?.text ?? '')
    }
    const failed = this.#pending.some(({ attempt }) => attempt?.error !== undefined)
    const stuck = this.#pending[0]?.attempt !== null && integerBetween(this.#random, 0, 60) === 0
    if (!failed && !stuck) return
    this.retryCount += 1
    for (const pending of this.#pending) {
      if (pending.attempt?.result === undefined) pending.attempt = this.#propose(leader, pending)
    }
  }

  #propose(leader: number, { sequence, text }: Pending): Attempt {
    const session = this.#session
    if (session === null) throw new Error('no session')
    const acknowledgedSequence = this.acknowledged.length
    return this.#cluster.propose(leader, text, { session, sequence, acknowledgedSequence })
  }
}
