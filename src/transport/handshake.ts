/** Hello and welcome, and what refuses them: docs/protocol.md §2. No effects in here. */
import { ClustorError } from '../base/errors.js'
import type { ReplicaId } from '../base/ids.js'
import { decodeControl, encodePlain, readInteger, readText } from './control-codec.js'
import type { ControlMap } from './control-codec.js'
import { describeType, frameTypes } from './frame-types.js'

/** The versions that this code speaks. */
export const protocolVersions = { protocol: 1, protocolMin: 1 } as const

/** The versions that a dialer offers. */
export interface VersionRange {
  readonly protocol: number
  readonly protocolMin: number
}

/** What every hello says. */
export interface Hello extends VersionRange {
  readonly purpose: string
  /** Null: any cluster will do (clients only). */
  readonly cluster: string | null
  /** The keys of this purpose, unchecked. */
  readonly map: ControlMap
}

/** Who a node is among its peers. */
export interface PeerIdentity {
  readonly cluster: string
  /** The node's name. */
  readonly node: string
  readonly replica: ReplicaId
}

/** Another node, as configured. */
export interface PeerConfig {
  readonly replica: ReplicaId
  readonly node: string
  /** `host:port` */
  readonly address: string
}

/** The body of a hello or welcome. */
export function encodeGreeting(type: 'hello' | 'welcome', map: ControlMap): Buffer {
  return Buffer.concat([Buffer.of(frameTypes[type]), encodePlain(map)])
}

/** Reads the first frame of a dialer. @throws ERR_PROTOCOL; ERR_VERSION_MISMATCH */
export function readHello(body: Buffer, purpose: 'peer' | 'client'): Hello {
  const map = readGreeting(body, frameTypes.hello)
  const offered = {
    protocol: readInteger(map, 'protocol'),
    protocolMin: readInteger(map, 'protocolMin'),
  }
  assertVersionsOverlap(offered)
  if (map['purpose'] !== purpose) {
    const message = `this port is for connections of purpose ${purpose}`
    throw new ClustorError('ERR_PROTOCOL', message, { fields: { purpose } })
  }
  const cluster = purpose === 'client' && map['cluster'] === null ? null : readText(map, 'cluster')
  return { ...offered, purpose, cluster, map }
}

/** Reads the listener's answer. @throws ERR_PROTOCOL; ERR_VERSION_MISMATCH when it chose a version that was not offered. */
export function readWelcome(body: Buffer): ControlMap {
  const map = readGreeting(body, frameTypes.welcome)
  const protocol = readInteger(map, 'protocol')
  assertVersionsOverlap({ protocol, protocolMin: protocol })
  return map
}

/** The version that both speak. */
export const chosenVersion = ({ protocol }: VersionRange): number =>
  Math.min(protocol, protocolVersions.protocol)

/** @throws ERR_CLUSTER_MISMATCH naming both clusters. */
export function assertCluster(own: string, other: string | null): void {
  if (other === null || other === own) return
  const message = `this is cluster ${own}, the other side belongs to cluster ${other}`
  throw new ClustorError('ERR_CLUSTER_MISMATCH', message, { fields: { own, other } })
}

/** The hello of a node to a peer. */
export function peerHello(identity: PeerIdentity, peer: PeerConfig): Buffer {
  return encodeGreeting('hello', {
    ...protocolVersions,
    ...identity,
    purpose: 'peer',
    to: peer.replica,
  })
}

/** Checks a peer's hello. @returns the peer that dialed.
 *  @throws ERR_CLUSTER_MISMATCH, ERR_REPLICA_MISMATCH, and as readHello. */
export function acceptPeer<Peer extends PeerConfig>(
  body: Buffer,
  identity: PeerIdentity,
  findPeer: (replica: number) => Peer | undefined,
): { peer: Peer; welcome: Buffer } {
  const hello = readHello(body, 'peer')
  assertCluster(identity.cluster, hello.cluster)
  const to = readInteger(hello.map, 'to')
  if (to !== identity.replica) {
    throw replicaMismatch(`this is replica ${identity.replica}, not ${to}`)
  }
  const replica = readInteger(hello.map, 'replica')
  const peer = findPeer(replica)
  if (peer === undefined) throw replicaMismatch(`replica ${replica} is no peer of this node`)
  assertNode(peer, readText(hello.map, 'node'))
  const welcome = encodeGreeting('welcome', { ...identity, protocol: chosenVersion(hello) })
  return { peer, welcome }
}

/** Checks a peer's welcome. @throws ERR_CLUSTER_MISMATCH, ERR_REPLICA_MISMATCH, and as readWelcome. */
export function checkPeerWelcome(body: Buffer, identity: PeerIdentity, peer: PeerConfig): void {
  const map = readWelcome(body)
  assertCluster(identity.cluster, readText(map, 'cluster'))
  const replica = readInteger(map, 'replica')
  if (replica !== peer.replica) {
    throw replicaMismatch(`${peer.address} is replica ${replica}, not ${peer.replica}`)
  }
  assertNode(peer, readText(map, 'node'))
}

function readGreeting(body: Buffer, type: number): ControlMap {
  if (body[0] !== type) {
    const message = `type ${describeType(body[0] ?? 0)} came before the handshake was over`
    throw new ClustorError('ERR_PROTOCOL', message, { fields: { type: body[0] } })
  }
  return decodeControl(body, 1)
}

function assertVersionsOverlap({ protocol, protocolMin }: VersionRange): void {
  if (protocol >= protocolVersions.protocolMin && protocolMin <= protocolVersions.protocol) return
  const own = protocolVersions
  const message = `the other side speaks protocol ${protocolMin} to ${protocol}, this one ${own.protocolMin} to ${own.protocol}`
  throw new ClustorError('ERR_VERSION_MISMATCH', message, { fields: { protocol, protocolMin } })
}

function assertNode(peer: PeerConfig, node: string): void {
  if (node === peer.node) return
  throw replicaMismatch(
    `replica ${peer.replica} is node ${peer.node} here, and calls itself ${node}`,
  )
}

const replicaMismatch = (message: string): ClustorError =>
  new ClustorError('ERR_REPLICA_MISMATCH', message)
