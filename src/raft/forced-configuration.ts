import type { ReplicaId } from '../base/ids.js'
import type { MembershipChange } from './membership.js'

/** The change with which a partition goes on after it has lost a majority for good (docs/raft.md, "A majority is lost"):
 *  `voter` alone decides from here on. No quorum has agreed to it, so no leader may propose it: it is written into the log of the
 *  survivor while nobody runs it, in a term and an epoch that no other replica has. */
export function forcedChange(voter: ReplicaId, epoch: number): MembershipChange {
  const context = new Uint8Array(8)
  viewOf(context).setBigUint64(0, BigInt(epoch), true)
  return { transition: 'forced', changes: [{ kind: 'add-voter', id: voter }], context }
}

/** The epoch that begins with a change; null for changes that a leader proposed. */
export function epochOf({ transition, context }: MembershipChange): number | null {
  if (transition !== 'forced' || context === undefined) return null
  return Number(viewOf(context).getBigUint64(0, true))
}

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
