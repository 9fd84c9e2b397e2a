import { rm, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { NodeConfig } from '../config/node-config.js'
import type { ClustorError, NodeOptions } from '../index.js'
import { KeyValueMachine, Node } from '../index.js'
import type { CommandContext } from './context.js'

/** How the node ends besides by a signal. */
export interface NodeLifetime {
  /** Stop when standard input ends: the parent process is gone. */
  readonly endWithStdin?: true
  /** The same, and the data directory goes with it. */
  readonly ephemeral?: true
  readonly json?: true
}

/** Runs a node with the built-in key-value machine in every partition, until it is told to stop or fails. */
export async function runNode(
  config: NodeConfig,
  lifetime: NodeLifetime,
  context: CommandContext,
): Promise<void> {
  const parentGone = lifetime.ephemeral || lifetime.endWithStdin ? stdinEnds() : null
  try {
    await serve(config, lifetime, context, parentGone)
  } finally {
    // A pipe that is still open would keep the process alive, also after a failure.
    if (parentGone !== null) process.stdin.destroy()
  }
  // The parent removes the directory itself when it can; only an orphan has to.
  if (lifetime.ephemeral && process.stdin.readableEnded) {
    await removeDirectory(config.dataDir)
  }
}

async function serve(
  config: NodeConfig,
  { json }: NodeLifetime,
  context: CommandContext,
  parentGone: Promise<void> | null,
): Promise<void> {
  const node = await Node.open(nodeOptions(config, problemPrinter(context)))
  try {
    for (const name of config.partitions) {
      await node.openPartition(name, { stateMachine: () => new KeyValueMachine() })
    }
    const { cluster, node: nodeId, listen, clientListen } = node.status()
    if (json) context.output.json({ event: 'listening', cluster, nodeId, listen, clientListen })
    else
      context.output.line(`node ${nodeId} of ${cluster}: nodes ${listen}, clients ${clientListen}`)
    await Promise.race([context.stopped(), ...(parentGone === null ? [] : [parentGone])])
  } finally {
    await node.close()
  }
}

function nodeOptions(
  { members, partitions: _, options, keysFile, ...settings }: NodeConfig,
  onProblem: (error: ClustorError) => void,
): NodeOptions {
  const named = members.map(({ name, ...addresses }) => [name, addresses] as const)
  const keys = keysFile === null ? {} : { keysFile }
  return { ...options, ...settings, ...keys, members: Object.fromEntries(named), onProblem }
}

/** Prints what goes wrong. A problem that comes again and again, such as a peer of another cluster, is said once. */
function problemPrinter({ output }: CommandContext): (error: ClustorError) => void {
  let last = ''
  return ({ code, message }) => {
    const text = `${message} (${code})`
    if (text !== last) output.note(text)
    last = text
  }
}

async function stdinEnds(): Promise<void> {
  process.stdin.resume()
  await new Promise<void>((resolve) => {
    process.stdin.once('end', resolve)
    process.stdin.once('error', () => {
      resolve()
    })
  })
}

async function removeDirectory(dataDir: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true })
  // The last node of a development cluster also removes the directory around all of them.
  await rmdir(dirname(dataDir)).catch((error: unknown) => {
    if (!isExpected(error)) throw error
  })
}

const isExpected = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  (error.code === 'ENOTEMPTY' || error.code === 'ENOENT' || error.code === 'EEXIST')
