import { decodeCommand } from '../apply/key-value-codec.js'
import { Client } from '../client.js'
import type { AcknowledgedLine } from './loader.js'

/** What one node holds of the acknowledged lines. */
export interface NodeCheck {
  readonly node: string
  readonly expected: number
  /** Acknowledged lines that the node's state holds with the acknowledged bytes and log index. */
  readonly intact: number
  /** Keys whose line is missing or differs. */
  readonly lost: readonly string[]
  /** Keys that the node applied more than once. */
  readonly doubled: readonly string[]
  /** Keys that the node applied before a line that was acknowledged earlier. */
  readonly moved: readonly string[]
}

const prefix = 'tour/'

/** Compares a node's own state and its own stream of applied entries with what was acknowledged. Both are read locally:
 *  no other node answers for it. */
export async function checkNode(
  node: string,
  endpoint: string,
  partition: string,
  acknowledged: readonly AcknowledgedLine[],
  signal: AbortSignal,
): Promise<NodeCheck> {
  await using client = await Client.connect({ endpoints: [endpoint], signal })
  const held = await readHeld(client, partition, signal)
  const lastIndex = acknowledged.at(-1)?.version ?? 0
  const applied = await readApplied(client, partition, lastIndex, signal)
  return judgeNode(node, held, applied, acknowledged)
}

/** A key's value and the log index of its last write. */
export interface HeldRow {
  readonly value: Uint8Array
  readonly version: number
}

/** @param held the node's state by key.
 *  @param applied keys in the order in which the node applied their writes. */
export function judgeNode(
  node: string,
  held: ReadonlyMap<string, HeldRow>,
  applied: readonly string[],
  acknowledged: readonly AcknowledgedLine[],
): NodeCheck {
  const everApplied = new Set(applied)
  const lost = acknowledged
    .filter((line) => !isHeld(line, held.get(line.key)) || !everApplied.has(line.key))
    .map(({ key }) => key)
  const intact = acknowledged.length - lost.length
  return {
    node,
    expected: acknowledged.length,
    intact,
    lost,
    ...compareOrder(applied, acknowledged),
  }
}

function isHeld({ value, version }: AcknowledgedLine, row: HeldRow | undefined): boolean {
  return row?.version === version && value.equals(row.value)
}

export const isComplete = ({ lost, doubled, moved }: NodeCheck): boolean =>
  lost.length + doubled.length + moved.length === 0

/** One line about a node. */
export function describeCheck(check: NodeCheck): string {
  const { node, expected, intact, lost, doubled, moved } = check
  if (isComplete(check)) return `${node}: ${intact} lines, each once, in order`
  const problems = [
    ...list('lost', lost),
    ...list('applied twice', doubled),
    ...list('out of order', moved),
  ]
  return `${node}: ${intact} of ${expected} lines; ${problems.join('; ')}`
}

function list(what: string, keys: readonly string[]): string[] {
  if (keys.length === 0) return []
  const shown = keys.slice(0, 5).join(', ')
  return [`${keys.length} ${what}: ${shown}${keys.length > 5 ? ', …' : ''}`]
}

async function readHeld(
  client: Client,
  partition: string,
  signal: AbortSignal,
): Promise<Map<string, HeldRow>> {
  const held = new Map<string, HeldRow>()
  const rows = client.keyValue(partition).scan({ prefix }, { consistency: 'local', signal })
  for await (const row of rows) held.set(row.key, row)
  return held
}

/** Keys of the tour in the order in which the node applied them. */
async function readApplied(
  client: Client,
  partition: string,
  lastIndex: number,
  signal: AbortSignal,
): Promise<string[]> {
  const keys: string[] = []
  if (lastIndex === 0) return keys
  for await (const { index, payload } of client.subscribe(partition, { from: 1, signal })) {
    const command = decodeCommand(payload)
    if (command?.key.startsWith(prefix)) keys.push(command.key)
    if (index >= lastIndex) break
  }
  return keys
}

function compareOrder(
  applied: readonly string[],
  acknowledged: readonly AcknowledgedLine[],
): Pick<NodeCheck, 'doubled' | 'moved'> {
  const position = new Map(acknowledged.map(({ key }, index) => [key, index]))
  const seen = new Set<string>()
  const doubled: string[] = []
  const moved: string[] = []
  let furthest = -1
  for (const key of applied) {
    const at = position.get(key)
    if (at === undefined) continue
    if (seen.has(key)) doubled.push(key)
    else if (at < furthest) moved.push(key)
    seen.add(key)
    furthest = Math.max(furthest, at)
  }
  return { doubled, moved }
}
