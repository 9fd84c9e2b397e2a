import test from 'ava'
import type { ExecutionContext } from 'ava'

import { SeededRandom } from '../../src/base/random.js'
import { readTexts, type ReadAttempt } from './attempts.js'
import { SessionClient } from './session-client.js'
import { SimulatedCluster, type Attempt } from './simulated-cluster.js'

interface OpenRead {
  readonly attempt: ReadAttempt
  /** What was acknowledged when the read was asked: it must see all of it. */
  readonly acknowledged: readonly string[]
}

/** Clients that write and read all the time, whoever leads. */
class Load {
  readonly clients: readonly SessionClient[]
  readonly #t: ExecutionContext
  readonly #cluster: SimulatedCluster
  readonly #leaderships: number[] = []
  #reads: OpenRead[] = []
  readCount = 0

  constructor(t: ExecutionContext, cluster: SimulatedCluster, seed: number) {
    const random = new SeededRandom(seed)
    this.#t = t
    this.#cluster = cluster
    this.clients = [1, 4].map((max, at) => new SessionClient(cluster, random, `c${at}`, max))
  }

  /** How many leaderships there have been. */
  get leadershipCount(): number {
    return this.#leaderships.length
  }

  act({ more }: { readonly more: boolean }): void {
    for (const client of this.clients) client.act({ more })
    this.#noteLeadership()
    this.#judgeReads()
    const leader = this.#cluster.leader()
    if (leader === null || this.#reads.length >= 4) return
    const acknowledged = this.clients.flatMap((client) => client.acknowledged)
    this.#reads.push({ attempt: readTexts(this.#cluster, leader), acknowledged })
  }

  /** A read that was begun at a leader which is gone is refused, and says so; none fails otherwise, and none is stale. */
  #judgeReads(): void {
    for (const { attempt, acknowledged } of this.#reads) {
      if (attempt.seen !== undefined) {
        this.readCount += 1
        const seen = new Set(attempt.seen)
        this.#t.deepEqual(
          acknowledged.filter((text) => !seen.has(text)),
          [],
        )
      }
      if (attempt.error !== undefined) this.#t.is(attempt.error.code, 'ERR_NOT_LEADER')
    }
    this.#reads = this.#reads.filter(({ attempt: { seen, error } }) => !seen && !error)
  }

  #noteLeadership(): void {
    const leader = this.#cluster.leader()
    if (leader === null) return
    const { term } = this.#cluster.status(leader)
    if (term > (this.#leaderships.at(-1) ?? 0)) this.#leaderships.push(term)
  }
}

/** Proposes a change to whoever leads until it is made. */
async function change(cluster: SimulatedCluster, load: Load, words: string): Promise<void> {
  let attempt: Attempt | undefined
  await cluster.until(
    words,
    () => {
      load.act({ more: true })
      const leader = cluster.leader()
      if (attempt?.result !== undefined) return true
      if (leader !== null && (attempt === undefined || attempt.error !== undefined)) {
        attempt = cluster.change(leader, words)
      }
      return false
    },
    5_000,
  )
}

for (let seed = 1; seed <= 8; seed++) {
  test(`M13: in simulated time all three replicas are replaced one after the other while clients write and read (seed ${seed})`, async (t) => {
    const weather = { delayStepsMax: seed % 3, flushPercent: 70, appliesLater: seed % 2 === 0 }
    const cluster = new SimulatedCluster(seed, 6, weather, { voters: [1, 2, 3] })
    await cluster.elect(1 + (seed % 3))
    const load = new Load(t, cluster, seed)

    for (const old of [1, 2, 3]) {
      const before = load.leadershipCount
      await change(cluster, load, `v${old + 3}`)
      await change(cluster, load, `r${old}`)
      for (let step = 0; step < 100; step++) {
        load.act({ more: true })
        await cluster.step()
      }
      cluster.kill(old)
      t.true(load.leadershipCount - Math.max(before, 1) <= 1, `n${old} cost more than one election`)
    }
    await cluster.until('the end', () => {
      load.act({ more: false })
      return load.clients.every(({ isIdle }) => isIdle) && cluster.isSettled()
    })

    t.true(load.readCount > 50, `${load.readCount} reads`)
    for (const id of [4, 5, 6]) {
      t.like(cluster.status(id).configuration, { incoming: [4, 5, 6], outgoing: [] })
      const { texts } = cluster.node(id).machine
      for (const [at, { acknowledged }] of load.clients.entries()) {
        t.true(acknowledged.length > 20, `${acknowledged.length} writes`)
        t.deepEqual(
          texts.filter((text) => text.startsWith(`c${at}:`)),
          acknowledged,
        )
      }
    }
    await cluster.closeAll()
  })
}
