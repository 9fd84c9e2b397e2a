import { asReplica } from '../../src/base/ids.js'
import { SeededRandom } from '../../src/base/random.js'
import type { ClustorError } from '../../src/base/errors.js'
import { TcpPeerTransport } from '../../src/transport/peer-transport.js'
import type { PeerTransportOptions } from '../../src/transport/peer-transport.js'
import type {
  PartitionKey,
  PartitionLink,
  PeerAdmission,
  PeerMessage,
} from '../../src/transport/transport.js'
import { decodeFrames } from './frame-codec.js'

/** A node with a transport on a port of loopback, and what it heard. */
export interface TestNode {
  readonly transport: TcpPeerTransport
  readonly replica: number
  readonly problems: ClustorError[]
  readonly received: PeerMessage[]
  readonly unreachable: number[]
  link: PartitionLink
}

/** Lets every peer in. */
export const openAdmission: PeerAdmission = {
  greeting: () => ({ epoch: 1, incarnation: 1, known: 0 }),
  admit: () => undefined,
}

/** The partition that test nodes attach. */
export const testPartition: PartitionKey = { name: 'orders', id: 'orders' }

/** Starts node `n<replica>`, without peers unless given. */
export async function startNode(
  replica: number,
  options: Partial<PeerTransportOptions> = {},
): Promise<TestNode> {
  const problems: ClustorError[] = []
  const transport = await TcpPeerTransport.listen({
    cluster: 'c1',
    node: `n${replica}`,
    replica: asReplica(replica),
    listen: '127.0.0.1:0',
    peers: [],
    decodeFrames: (bytes) => decodeFrames(bytes).range,
    random: new SeededRandom(replica),
    onProblem: (error) => problems.push(error),
    ...options,
  })
  const received: PeerMessage[] = []
  const unreachable: number[] = []
  const link = transport.attach(
    testPartition,
    (message) => received.push(message),
    (peer) => unreachable.push(peer),
    openAdmission,
  )
  return { transport, replica, problems, received, unreachable, link }
}

/** Tells a node of another one. */
export function introduce(node: TestNode, peer: { replica: number; address: string }): void {
  const replica = asReplica(peer.replica)
  node.transport.addPeer({ replica, node: `n${peer.replica}`, address: peer.address })
}

/** Where a node listens, and who it is. */
export const addressOf = (node: TestNode): { replica: number; address: string } => ({
  replica: node.replica,
  address: node.transport.address,
})

/** Makes two nodes peers of each other. */
export function join(a: TestNode, b: TestNode): void {
  introduce(a, addressOf(b))
  introduce(b, addressOf(a))
}

/** Whether a node can send to its only peer. */
export const isConnected = (node: TestNode): boolean =>
  node.transport.status()[0]?.state === 'connected'
