/** Bytes of membership: the payload of a membership entry, and the configuration in a snapshot's description.
 *  Layouts: docs/raft.md, Membership. */
import { ClustorError } from '../base/errors.js'
import { asReplica, type ReplicaId } from '../base/ids.js'
import {
  ascending,
  type MembershipChange,
  type MembershipConfiguration,
  type ReplicaChange,
} from './membership.js'

const version = 1
/** That of a forced configuration, whose context is an epoch: software that does not know it must stop. */
const forcedVersion = 2
const epochBytes = 8
const headBytes = 4
const changeBytes = 9
const transitions = ['auto', 'joint-implicit', 'joint-explicit', 'forced'] as const
const changeKinds = ['add-voter', 'add-learner', 'remove', 'update'] as const

/** Most changes in one entry, and most replicas in one list of a configuration. */
export const membershipCountMax = 1000

/** The payload of a membership entry. Leaving a joint configuration is the empty payload.
 *  @throws ClustorError ERR_INVALID_ARGUMENT for more than membershipCountMax changes. */
export function encodeMembershipChange(change: MembershipChange): Uint8Array {
  const { transition, changes, context = new Uint8Array(0) } = change
  if (transition === 'auto' && changes.length + context.length === 0) return new Uint8Array(0)
  assertCount(changes.length)
  const bytes = new Uint8Array(headBytes + changes.length * changeBytes + context.length)
  const view = viewOf(bytes)
  view.setUint8(0, transition === 'forced' ? forcedVersion : version)
  view.setUint8(1, transitions.indexOf(transition))
  view.setUint16(2, changes.length, true)
  for (const [at, { kind, id }] of changes.entries()) {
    view.setUint8(headBytes + at * changeBytes, changeKinds.indexOf(kind))
    view.setBigUint64(headBytes + at * changeBytes + 1, BigInt(id), true)
  }
  bytes.set(context, bytes.length - context.length)
  return bytes
}

/** Reads the payload of a membership entry. `context` is a copy.
 *  @throws ClustorError ERR_FORMAT_NEWER for another version, ERR_PROTOCOL for anything else that is not a change. */
export function decodeMembershipChange(payload: Uint8Array): MembershipChange {
  if (payload.length === 0) return { transition: 'auto', changes: [] }
  const view = viewOf(payload)
  if (payload[0] !== version && payload[0] !== forcedVersion) {
    throw new ClustorError('ERR_FORMAT_NEWER', `a membership change of version ${payload[0] ?? 0}`)
  }
  const transition = transitions[payload[1] ?? 0xff]
  const count = payload.length < headBytes ? 0 : view.getUint16(2, true)
  const end = headBytes + count * changeBytes
  if (transition === undefined || payload.length < end) throw malformed('change')
  const changes = Array.from({ length: count }, (_, at) => readChange(view, at))
  if (transition === 'forced' || payload[0] === forcedVersion) assertForced(payload, changes)
  if (payload.length === end) return { transition, changes }
  return { transition, changes, context: payload.slice(end) }
}

/** Bytes of an encoded configuration. */
export const configurationBytes = (configuration: MembershipConfiguration): number =>
  1 + listsOf(configuration).reduce((sum, ids) => sum + 2 + 8 * ids.length, 0)

/** A configuration as flags and four counted lists. */
export function encodeConfiguration(configuration: MembershipConfiguration): Uint8Array {
  const bytes = new Uint8Array(configurationBytes(configuration))
  const view = viewOf(bytes)
  view.setUint8(0, configuration.autoLeave ? 1 : 0)
  let offset = 1
  for (const ids of listsOf(configuration)) {
    assertCount(ids.length)
    view.setUint16(offset, ids.length, true)
    for (const [at, id] of ids.entries()) view.setBigUint64(offset + 2 + 8 * at, BigInt(id), true)
    offset += 2 + 8 * ids.length
  }
  return bytes
}

/** Reads a configuration that fills `bytes` exactly.
 *  @throws ClustorError ERR_PROTOCOL for anything that encodeConfiguration does not write. */
export function decodeConfiguration(bytes: Uint8Array): MembershipConfiguration {
  const view = viewOf(bytes)
  const flags = bytes[0] ?? 0xff
  if (flags > 1) throw malformed('configuration')
  const lists: ReplicaId[][] = []
  let offset = 1
  for (let list = 0; list < 4; list++) {
    if (offset + 2 > bytes.length) throw malformed('configuration')
    const count = view.getUint16(offset, true)
    if (offset + 2 + 8 * count > bytes.length) throw malformed('configuration')
    const ids = Array.from({ length: count }, (_, at) => readReplica(view, offset + 2 + 8 * at))
    if (ids.some((id, at) => id <= (ids[at - 1] ?? 0))) throw malformed('configuration')
    lists.push(ids)
    offset += 2 + 8 * count
  }
  if (offset !== bytes.length) throw malformed('configuration')
  const [incoming = [], outgoing = [], learners = [], learnersNext = []] = lists
  return { incoming, outgoing, learners, learnersNext, autoLeave: flags === 1 }
}

const listsOf = (configuration: MembershipConfiguration): readonly ReplicaId[][] => [
  ascending(configuration.incoming),
  ascending(configuration.outgoing),
  ascending(configuration.learners),
  ascending(configuration.learnersNext),
]

/** Voters and an epoch of at most 2^53 - 1, nothing else. */
function assertForced(payload: Uint8Array, changes: readonly ReplicaChange[]): void {
  const epochOffset = headBytes + changes.length * changeBytes
  const isWhole = payload[0] === forcedVersion && payload.length === epochOffset + epochBytes
  const areVoters =
    changes.length > 0 && changes.every(({ kind, id }) => kind === 'add-voter' && id > 0)
  if (transitions[payload[1] ?? 0] !== 'forced' || !isWhole || !areVoters) throw malformed('change')
  const epoch = viewOf(payload).getBigUint64(epochOffset, true)
  if (epoch > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('change')
}

function readChange(view: DataView, at: number): ReplicaChange {
  const offset = headBytes + at * changeBytes
  const kind = changeKinds[view.getUint8(offset)]
  if (kind === undefined) throw malformed('change')
  return { kind, id: readReplica(view, offset + 1) }
}

function readReplica(view: DataView, offset: number): ReplicaId {
  const value = view.getBigUint64(offset, true)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('replica id')
  return asReplica(Number(value))
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

function assertCount(count: number): void {
  if (count <= membershipCountMax) return
  throw new ClustorError('ERR_INVALID_ARGUMENT', `${count} replicas in one membership list`, {
    fields: { count, countMax: membershipCountMax },
  })
}

const malformed = (what: string): ClustorError =>
  new ClustorError('ERR_PROTOCOL', `these bytes are no membership ${what}`)
