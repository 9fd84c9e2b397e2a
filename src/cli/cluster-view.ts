import { setTimeout as delay } from 'node:timers/promises'
import { ClustorError } from '../base/errors.js'
import { Client } from '../client.js'

/** What one node says about a partition, or why it says nothing. */
export type NodeView = ReachedNode | UnreachedNode

export interface ReachedNode {
  readonly reachable: true
  readonly endpoint: string
  readonly nodeId: string
  readonly role: string
  readonly term: number
  /** The node's name; null while it knows of none. */
  readonly leader: string | null
  readonly lastIndex: number
  readonly durableIndex: number
  readonly commitIndex: number
  readonly appliedIndex: number
  /** Sentences: why it does not lead, why it stopped, that it waits for its disk. */
  readonly why: readonly string[]
  /** Everything that the node said. */
  readonly details: unknown
}

export interface UnreachedNode {
  readonly reachable: false
  readonly endpoint: string
  readonly code: string
  readonly reason: string
}

const probeTimeoutMs = 1_000
const pollMs = 25

/** Asks every endpoint for itself. Nodes that do not answer within a second are rows without figures. */
export async function viewCluster(
  endpoints: readonly string[],
  partition: string,
  signal: AbortSignal,
): Promise<NodeView[]> {
  return Promise.all(endpoints.map((endpoint) => viewNode(endpoint, partition, signal)))
}

/** The node that the reachable nodes agree on as leader and that says so itself; null while there is none. */
export function leaderOf(nodes: readonly NodeView[]): ReachedNode | null {
  const leaders = nodes.filter(
    (node): node is ReachedNode => node.reachable && node.role === 'leader',
  )
  // A leader that was cut off may still call itself one, in an older term.
  return leaders.sort((left, right) => right.term - left.term)[0] ?? null
}

/** Resolves with the leader as soon as one says that it leads and has committed in its term.
 *  @throws what `signal` was aborted with. */
export async function waitForLeader(
  endpoints: readonly string[],
  partition: string,
  signal: AbortSignal,
): Promise<ReachedNode> {
  for (;;) {
    const leader = leaderOf(await viewCluster(endpoints, partition, signal))
    if (leader !== null && leader.commitIndex > 0) return leader
    await pause(signal)
  }
}

/** Resolves when every endpoint has applied the log up to an index.
 *  @throws what `signal` was aborted with. */
export async function waitForApplied(
  endpoints: readonly string[],
  partition: string,
  index: number,
  signal: AbortSignal,
  onView: (nodes: readonly NodeView[]) => void = () => undefined,
): Promise<void> {
  for (;;) {
    const nodes = await viewCluster(endpoints, partition, signal)
    onView(nodes)
    if (nodes.every((node) => node.reachable && node.appliedIndex >= index)) return
    await pause(signal)
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  await delay(pollMs, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted()
    throw error
  })
}

async function viewNode(
  endpoint: string,
  partition: string,
  signal: AbortSignal,
): Promise<NodeView> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(probeTimeoutMs)])
    await using client = await Client.connect({
      endpoints: [endpoint],
      requestTimeoutMs: probeTimeoutMs,
      signal: limited,
    })
    return readNode(endpoint, partition, await client.status({ signal: limited }))
  } catch (error) {
    signal.throwIfAborted()
    const code = error instanceof ClustorError ? error.code : 'ERR_INTERNAL'
    return {
      reachable: false,
      endpoint,
      code,
      reason: error instanceof Error ? error.message : String(error),
    }
  }
}

/** Reads what a node says of itself.
 *  @throws ERR_PARTITION_UNKNOWN when it does not hold the partition; ERR_PROTOCOL when it says something else. */
function readNode(endpoint: string, partition: string, status: unknown): ReachedNode {
  const { node, partitions } = status as Record<string, unknown>
  const details = Array.isArray(partitions)
    ? (partitions as unknown[]).find((row) => isRecord(row) && row.partition === partition)
    : undefined
  if (typeof node !== 'string' || !isRecord(details)) throw unknownPartition(endpoint, partition)
  const { role, leader, why } = details
  const index = (name: string): number => {
    const value = details[name]
    if (typeof value === 'number') return value
    throw new ClustorError('ERR_PROTOCOL', `${endpoint} sent a status without ${name}`)
  }
  return {
    reachable: true,
    endpoint,
    nodeId: node,
    role: typeof role === 'string' ? role : 'unknown',
    leader: typeof leader === 'string' ? leader : null,
    term: index('term'),
    lastIndex: index('lastIndex'),
    durableIndex: index('durableIndex'),
    commitIndex: index('commitIndex'),
    appliedIndex: index('appliedIndex'),
    why: Array.isArray(why) ? why.map(String) : [],
    details,
  }
}

function unknownPartition(endpoint: string, partition: string): ClustorError {
  const message = `${endpoint} does not hold partition ${partition}`
  return new ClustorError('ERR_PARTITION_UNKNOWN', message, { fields: { endpoint, partition } })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
