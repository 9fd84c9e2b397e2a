import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { basename } from 'node:path'
import { Client } from '../client.js'
import type { ReachedNode } from './cluster-view.js'
import { waitForApplied, waitForLeader } from './cluster-view.js'
import type { CommandContext } from './context.js'
import { exitCodes } from './exit-codes.js'
import type { LocalCluster } from './local-cluster.js'
import { packageRoot } from './package-root.js'
import type { AcknowledgedLine, LoadSummary } from './loader.js'
import type { KillReport } from './tour-kill.js'
import { loadRound, loadWhileKilling } from './tour-kill.js'
import type { NodeCheck } from './tour-check.js'
import { checkNode, describeCheck, isComplete } from './tour-check.js'

/** What the tour works with. */
export interface Tour {
  readonly cluster: LocalCluster
  readonly partition: string
  /** NDJSON file to load. */
  readonly file: string
  readonly json: boolean
  readonly context: CommandContext
}

/** What the tour found, as `--json` prints it. */
interface TourReport {
  readonly ok: boolean
  readonly file: string
  readonly load: LoadSummary
  readonly kill: KillReport
  readonly catchUpMs: number
  readonly acknowledgedLines: number
  readonly nodes: readonly NodeCheck[]
}

/** The guided tour: load a real file, kill the leader in the middle of it, and show on every node that what was
 *  acknowledged is there, once and in order. Sets the exit code to 1 when anything is missing. */
export async function runTour(tour: Tour): Promise<void> {
  const { cluster, partition, context } = tour
  const { signal } = context
  const say = new Narrator(tour)
  const leader = await waitForLeader(cluster.endpoints, partition, signal)
  say.step('Three processes replicate one log')
  say.say(
    cluster.addresses.map(({ name }) => `${name} pid ${String(cluster.pidOf(name))}`).join(', '),
  )
  say.say(`${leader.nodeId} leads in term ${leader.term}`)

  const acknowledged: AcknowledgedLine[] = []
  await using client = await Client.connect({ endpoints: cluster.endpoints, signal })
  const load = await firstLoad(tour, client, acknowledged, say)
  await readBack(tour, acknowledged, say)
  const kill = await killLeader(tour, client, leader, acknowledged, say)
  const catchUpMs = await restart(tour, kill.killed, acknowledged, say)
  const nodes = await check(tour, acknowledged, say)

  const ok = nodes.every(isComplete)
  if (!ok) context.exitCode = exitCodes.failed
  const acknowledgedLines = acknowledged.length
  say.end({ ok, file: tour.file, load, kill, catchUpMs, acknowledgedLines, nodes })
}

/** The file that the tour loads: the given one, else the one beside the project, else the copy in the package.
 *  @throws ENOENT when the given file is not there. */
export async function tourFile(given: string | undefined): Promise<string> {
  if (given !== undefined) {
    await access(given)
    return given
  }
  const beside = join(packageRoot(), '../shared/data/earthquakes.ndjson')
  const isThere = await access(beside).then(
    () => true,
    () => false,
  )
  return isThere ? beside : join(packageRoot(), 'data/earthquakes.ndjson')
}

async function firstLoad(
  { file, partition, context }: Tour,
  client: Client,
  acknowledged: AcknowledgedLine[],
  say: Narrator,
): Promise<LoadSummary> {
  say.step(`Load ${basename(file)}`)
  const summary = await loadRound({
    file,
    prefix: 'tour/00/',
    store: client.keyValue(partition),
    onAcknowledged: (line) => acknowledged.push(line),
    signal: context.signal,
  })
  const { lines, seconds, linesPerSecond, p50Ms, p99Ms } = summary
  say.say(
    `${lines} lines in ${seconds.toFixed(2)} s: ${linesPerSecond.toFixed(0)} lines/s, ` +
      `latency p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`,
  )
  say.say('each line was acknowledged after a quorum had it on disk')
  return summary
}

/** Reads a line through every node: a linearizable read may be asked of any of them. */
async function readBack(
  { cluster, partition, context }: Tour,
  acknowledged: readonly AcknowledgedLine[],
  say: Narrator,
): Promise<void> {
  const line = acknowledged[acknowledged.length >> 1]
  if (line === undefined) return
  say.step('Read a line back, linearizably')
  const asked = cluster.addresses.at(-1)
  await using client = await Client.connect({
    endpoints: asked === undefined ? [] : [asked.clientListen],
    signal: context.signal,
  })
  const row = await client.keyValue(partition).get(line.key, { signal: context.signal })
  const text = row === null ? 'nothing' : Buffer.from(row.value).toString()
  say.say(`${line.key} through ${asked?.name ?? ''}: ${text.slice(0, 70)}…`)
}

async function killLeader(
  tour: Tour,
  client: Client,
  leader: ReachedNode,
  acknowledged: AcknowledgedLine[],
  say: Narrator,
): Promise<KillReport> {
  say.step(`Load it again and again, and kill ${leader.nodeId} with SIGKILL in the middle`)
  const report = await loadWhileKilling({
    cluster: tour.cluster,
    partition: tour.partition,
    file: tour.file,
    store: client.keyValue(tour.partition),
    leader,
    acknowledged,
    signal: tour.context.signal,
  })
  say.say(
    `pid ${report.pid} killed with ${report.linesBefore} lines acknowledged ` +
      `and ${report.linesUnderWay} under way`,
  )
  say.say(
    `${report.newLeader} leads in term ${report.term}, seen ${report.electionMs.toFixed(0)} ms after the kill`,
  )
  say.say(`longest pause between two acknowledgements: ${report.longestPauseMs.toFixed(0)} ms`)
  say.say(`the load went on by itself: ${report.linesAfter} lines acknowledged since`)
  return report
}

async function restart(
  { cluster, partition, context }: Tour,
  name: string,
  acknowledged: readonly AcknowledgedLine[],
  say: Narrator,
): Promise<number> {
  say.step(`Start ${name} again and watch it catch up`)
  const target = acknowledged.at(-1)?.version ?? 0
  const startedAt = performance.now()
  cluster.start(name)
  const shown = new Set<string>()
  await waitForApplied(cluster.endpoints, partition, target, context.signal, (nodes) => {
    for (const node of nodes) {
      if (!node.reachable || node.nodeId !== name || node.appliedIndex >= target) continue
      const text = `${name} has applied ${node.appliedIndex} of ${target} entries`
      if (!shown.has(text)) say.say(text)
      shown.add(text)
    }
  })
  const elapsedMs = performance.now() - startedAt
  say.say(`${name} has caught up to entry ${target}, ${elapsedMs.toFixed(0)} ms after its start`)
  return elapsedMs
}

async function check(
  { cluster, partition, context }: Tour,
  acknowledged: readonly AcknowledgedLine[],
  say: Narrator,
): Promise<NodeCheck[]> {
  say.step(`Look for all ${acknowledged.length} acknowledged lines on every node`)
  const checks: NodeCheck[] = []
  for (const { name, clientListen } of cluster.addresses) {
    const result = await checkNode(name, clientListen, partition, acknowledged, context.signal)
    checks.push(result)
    say.say(describeCheck(result))
  }
  return checks
}

/** Tells the tour step by step, or at its end as JSON. */
class Narrator {
  readonly #tour: Tour
  #step = 0

  constructor(tour: Tour) {
    this.#tour = tour
  }

  step(title: string): void {
    this.#step += 1
    const { output } = this.#tour.context
    if (!this.#tour.json) output.line(output.bold(`${this.#step}. ${title}`))
  }

  say(text: string): void {
    if (!this.#tour.json) this.#tour.context.output.line(`   ${text}`)
  }

  end(report: TourReport): void {
    const { output } = this.#tour.context
    if (this.#tour.json) output.json(report)
    else if (report.ok) output.line(output.green('Nothing was lost, doubled or moved.'))
    else output.line(output.red('Acknowledged lines were lost, doubled or moved: see above.'))
  }
}
