import { LinkNetwork } from './link-network.js'
import { NamespaceNetwork } from './namespace-network.js'

export const networkNames = ['namespaces', 'proxies'] as const
export type NetworkName = (typeof networkNames)[number]

/** What a cut drops of a node's traffic with the other nodes. */
export const directions = ['both', 'outgoing', 'incoming'] as const
export type Direction = (typeof directions)[number]

/** What connects the processes of a cluster. Nodes count from 0. */
export interface Network {
  readonly name: NetworkName
  /** The cuts that it can make. */
  readonly directions: readonly Direction[]
  /** Where a node listens, or where another one reaches it, `host:port`. */
  peerAddress(node: number, from: number): string
  /** Where clients reach a node, whatever is cut. */
  clientAddress(node: number): string
  /** The program that starts Node.js where the node lives, and what comes before its arguments. */
  launcher(node: number): { readonly program: string; readonly before: readonly string[] }
  /** Cuts a node off from all others; clients still reach it. */
  isolate(node: number, direction: Direction): void
  heal(): void
  close(): void
}

/** Network namespaces where this machine allows them, else proxies; or the one that is asked for.
 *  @throws Error when namespaces are asked for and cannot be made, with the reason of the system. */
export async function openNetwork(nodeCount: number, name?: NetworkName): Promise<Network> {
  if (name === 'proxies') return LinkNetwork.open(nodeCount)
  try {
    return await NamespaceNetwork.open(nodeCount)
  } catch (error) {
    if (name === 'namespaces') throw error
    return LinkNetwork.open(nodeCount)
  }
}
