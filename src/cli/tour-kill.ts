import { createReadStream } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { valueBytesMax } from '../apply/key-value-codec.js'
import type { ReachedNode } from './cluster-view.js'
import { leaderOf, viewCluster } from './cluster-view.js'
import { malformedLineError } from './line-source.js'
import type { AcknowledgedLine, LoadSummary } from './loader.js'
import { loadLines } from './loader.js'
import type { LocalCluster } from './local-cluster.js'

/** Where lines go. */
interface Store {
  put(key: string, value: Uint8Array): Promise<{ readonly version: number }>
}

/** One pass over the file. */
export interface Round {
  readonly file: string
  readonly prefix: string
  readonly store: Store
  readonly onAcknowledged: (line: AcknowledgedLine) => void
  readonly signal: AbortSignal
}

export interface KillPlan {
  readonly cluster: LocalCluster
  readonly partition: string
  readonly file: string
  readonly store: Store
  readonly leader: ReachedNode
  /** Grows by every acknowledged line, in order. */
  readonly acknowledged: AcknowledgedLine[]
  readonly signal: AbortSignal
}

/** How the kill went. */
export interface KillReport {
  readonly killed: string
  readonly pid: number
  readonly linesBefore: number
  /** Lines sent and not yet acknowledged at the moment of the kill. */
  readonly linesUnderWay: number
  readonly linesAfter: number
  readonly newLeader: string
  readonly term: number
  /** From the kill until a node was seen to lead. */
  readonly electionMs: number
  readonly longestPauseMs: number
}

const window = 256
/** The whole file is loaded again this often after the kill. */
const roundsAfterKill = 2

/** Loads the whole file once.
 *  @throws the first failure: the tour's file has no malformed lines, and a line that fails is a finding. */
export async function loadRound(round: Round): Promise<LoadSummary> {
  const summary = await loadLines({
    stream: createReadStream(round.file),
    format: 'ndjson',
    lineBytesMax: valueBytesMax,
    prefix: round.prefix,
    window,
    fromLine: 1,
    put: (key, value) => round.store.put(key, value),
    onMalformed: (line) => {
      throw malformedLineError(round.file, line)
    },
    onAcknowledged: round.onAcknowledged,
    signal: round.signal,
  })
  round.signal.throwIfAborted()
  if (summary.failure !== null) throw summary.failure
  return summary
}

/** Loads the file again and again; kills the leader between two acknowledgements in the middle of the second pass. */
export async function loadWhileKilling(plan: KillPlan): Promise<KillReport> {
  const linesInFile = plan.acknowledged.length
  const killAfter = linesInFile + Math.floor(linesInFile * 1.5)
  const pauses = new PauseMeter()
  let sent = plan.acknowledged.length
  const kills: Kill[] = []
  const onAcknowledged = (line: AcknowledgedLine): void => {
    plan.acknowledged.push(line)
    pauses.acknowledged()
    if (kills.length === 0 && plan.acknowledged.length >= killAfter) {
      kills.push(killLeader(plan, sent - plan.acknowledged.length))
    }
  }
  const store: Store = {
    put: (key, value) => {
      sent += 1
      return plan.store.put(key, value)
    },
  }
  for (let round = 1, after = 0; after < roundsAfterKill; round += 1) {
    const prefix = `tour/${String(round).padStart(2, '0')}/`
    await loadRound({ file: plan.file, prefix, store, onAcknowledged, signal: plan.signal })
    if (kills.length > 0) after += 1
  }
  return report(plan, kills[0], pauses)
}

interface Kill {
  readonly pid: number
  readonly linesBefore: number
  readonly linesUnderWay: number
  readonly newLeader: Promise<Election>
}

interface Election {
  readonly leader: ReachedNode
  readonly electionMs: number
}

function killLeader(plan: KillPlan, linesUnderWay: number): Kill {
  const pid = plan.cluster.killNow(plan.leader.nodeId) ?? 0
  const newLeader = watchElection(plan, performance.now())
  return { pid, linesBefore: plan.acknowledged.length, linesUnderWay, newLeader }
}

async function watchElection(plan: KillPlan, killedAt: number): Promise<Election> {
  const survivors = plan.cluster.addresses.filter(({ name }) => name !== plan.leader.nodeId)
  const endpoints = survivors.map(({ clientListen }) => clientListen)
  for (;;) {
    const leader = leaderOf(await viewCluster(endpoints, plan.partition, plan.signal))
    const electionMs = performance.now() - killedAt
    if (leader !== null && leader.term > plan.leader.term) return { leader, electionMs }
  }
}

async function report(
  plan: KillPlan,
  kill: Kill | undefined,
  pauses: PauseMeter,
): Promise<KillReport> {
  if (kill === undefined) throw new Error('the load ended before the kill')
  const { leader, electionMs } = await kill.newLeader
  return {
    killed: plan.leader.nodeId,
    pid: kill.pid,
    linesBefore: kill.linesBefore,
    linesUnderWay: kill.linesUnderWay,
    linesAfter: plan.acknowledged.length - kill.linesBefore,
    newLeader: leader.nodeId,
    term: leader.term,
    electionMs,
    longestPauseMs: pauses.longestMs,
  }
}

/** The longest time between two acknowledgements. */
class PauseMeter {
  #lastAt: number | null = null
  longestMs = 0

  acknowledged(): void {
    const now = performance.now()
    if (this.#lastAt !== null) this.longestMs = Math.max(this.longestMs, now - this.#lastAt)
    this.#lastAt = now
  }
}
