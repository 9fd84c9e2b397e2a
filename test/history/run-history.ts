import { SeededRandom } from '../../src/base/random.js'
import { checkLinearizability } from '../sim/checkers/linearizability.js'
import type { Verdict } from '../sim/checkers/linearizability.js'
import type { Operation } from '../sim/history.js'
import { Cluster } from './cluster.js'
import { Nemesis } from './nemesis.js'
import type { NemesisName } from './nemesis.js'
import { openNetwork } from './network.js'
import type { NetworkName } from './network.js'
import { Recorder } from './recorder.js'
import { SmallDisk } from './small-disk.js'

export interface HistoryOptions {
  readonly nodeCount: number
  readonly seconds: number
  readonly kinds: readonly NemesisName[]
  /** Draws operations and faults. What the cluster makes of them is not repeatable. */
  readonly seed: number
  /** For the data of the nodes. */
  readonly directory: string
  /** Default: namespaces where they can be had, else proxies. */
  readonly network?: NetworkName
  /** Ends the run early, whole. */
  readonly signal?: AbortSignal
}

export interface HistoryReport {
  readonly history: readonly Operation[]
  readonly verdict: Verdict
  readonly faults: Readonly<Record<NemesisName, number>>
  readonly network: NetworkName
}

const clientCount = 6

/** Lets clients work on a cluster of real processes under faults, and judges what they saw. */
export async function runHistory(options: HistoryOptions): Promise<HistoryReport> {
  const { nodeCount, kinds, directory } = options
  const disks = mountDisks(directory, kinds.includes('disk-full') ? nodeCount : 0)
  try {
    const network = await openNetwork(nodeCount, options.network)
    try {
      const cluster = await Cluster.start(directory, nodeCount, network)
      try {
        return { ...(await record(cluster, disks, options)), network: network.name }
      } finally {
        await cluster.close()
      }
    } finally {
      network.close()
    }
  } finally {
    for (const disk of disks.values()) disk.unmount()
  }
}

async function record(
  cluster: Cluster,
  disks: ReadonlyMap<string, SmallDisk>,
  { seconds, kinds, seed, signal }: HistoryOptions,
): Promise<Omit<HistoryReport, 'network'>> {
  const random = new SeededRandom(seed)
  const nemesis = new Nemesis(cluster, disks, { random, kinds })
  const { endpoints } = cluster
  const startedNs = process.hrtime.bigint()
  const recorders = Array.from({ length: clientCount }, (_, at) => {
    const own = new SeededRandom(random.nextUint32())
    return new Recorder(`c${at + 1}`, { endpoints, random: own, startedNs })
  })
  const endMs = performance.now() + seconds * 1_000
  const isOver = (): boolean => performance.now() > endMs || signal?.aborted === true
  await Promise.all([nemesis.run(isOver), ...recorders.map((recorder) => recorder.run(isOver))])
  const history = recorders.flatMap((recorder) => recorder.history)
  return { history, verdict: checkLinearizability(history), faults: nemesis.counts }
}

function mountDisks(directory: string, nodeCount: number): ReadonlyMap<string, SmallDisk> {
  const disks = new Map<string, SmallDisk>()
  for (let at = 1; at <= nodeCount; at++) {
    const disk = SmallDisk.mount(`${directory}/n${at}`)
    if (disk !== null) disks.set(`n${at}`, disk)
  }
  return disks
}
