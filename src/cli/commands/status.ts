import { setTimeout as delay } from 'node:timers/promises'
import type { Command } from 'commander'
import type { NodeView } from '../cluster-view.js'
import { leaderOf, viewCluster } from '../cluster-view.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags, readDuration } from '../flags.js'
import type { Output } from '../output.js'
import { formatTable } from '../tables.js'

interface StatusFlags extends ClientFlags {
  readonly watch?: true | number
}

const watchMsDefault = 1_000

/** `clustor status`: what every node thinks. */
export function addStatus(program: Command, context: CommandContext): void {
  const command = program
    .command('status')
    .description('show what every node thinks of the partition')
    .option('--watch [interval]', 'show it again and again, every second by default', readDuration)
  addClientFlags(command, context).action(async (flags: StatusFlags) => {
    await status(flags, context)
  })
}

async function status(flags: StatusFlags, context: CommandContext): Promise<void> {
  const { signal, output } = context
  for (;;) {
    const nodes = await viewCluster(flags.endpoints, flags.partition, signal)
    if (flags.watch !== undefined) output.clearScreen()
    show(nodes, flags, output)
    context.exitCode = leaderOf(nodes) === null ? exitCodes.notReady : exitCodes.ok
    if (flags.watch === undefined) return
    const pauseMs = flags.watch === true ? watchMsDefault : flags.watch
    const stopped = await delay(pauseMs, false, { signal }).catch(() => true)
    if (stopped) {
      context.exitCode = exitCodes.ok
      return
    }
  }
}

function show(nodes: readonly NodeView[], flags: StatusFlags, output: Output): void {
  const leader = leaderOf(nodes)
  if (flags.json) {
    output.json({
      partition: flags.partition,
      leader: leader?.nodeId ?? null,
      term: leader?.term ?? null,
      nodes: nodes.map((node) => (node.reachable ? { ...node, ready: isReady(node) } : node)),
    })
    return
  }
  const head = ['node', 'clients', 'role', 'term', 'leader', 'last', 'durable', 'commit', 'applied']
  const figures = ['term', 'last', 'durable', 'commit', 'applied']
  output.line(formatTable(head, nodes.map(rowOf), output, figures))
  for (const line of nodes.flatMap(remarksOf)) output.line(output.red(line))
  if (leader === null) output.line(output.red(`no node leads partition ${flags.partition}`))
}

/** What is not as it should be: a node that stopped, a disk that is full or does not answer. */
function remarksOf(node: NodeView): string[] {
  if (!node.reachable) return []
  // That somebody else leads is how it should be.
  const reasons = node.role === 'follower' && node.leader !== null ? node.why.slice(1) : node.why
  return reasons.map((reason) => `${node.nodeId}: ${reason}`)
}

const isReady = (node: NodeView): boolean => node.reachable && node.leader !== null

function rowOf(node: NodeView): string[] {
  if (!node.reachable) return ['-', node.endpoint, 'unreachable', '', '', '', '', '', '']
  const { nodeId, endpoint, role, term, leader } = node
  const { lastIndex, durableIndex, commitIndex, appliedIndex } = node
  const indexes = [lastIndex, durableIndex, commitIndex, appliedIndex].map(String)
  return [nodeId, endpoint, role, String(term), leader ?? '-', ...indexes]
}
