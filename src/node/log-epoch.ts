import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import { epochOf } from '../raft/forced-configuration.js'
import { decodeMembershipChange } from '../raft/membership-codec.js'
import type { MembershipChange } from '../raft/membership.js'
import type { RecoveredEntries } from '../raft/ready.js'
import type { ReplicaLog } from '../wal/replica-log.js'

/** The newest epoch that a log says has begun; 0 when none was forced. Reads the entries of kind membership, and no others.
 *  @throws as ReplicaLog.read; ERR_FORMAT_NEWER, ERR_PROTOCOL for a change that cannot be read. */
export async function epochOfLog(log: ReplicaLog): Promise<number> {
  let epoch = 0
  for (const index of membershipIndexes(log.recovered.entries)) {
    epoch = Math.max(epoch, epochOf(await changeAt(log, index)) ?? 0)
  }
  return epoch
}

async function changeAt(log: ReplicaLog, index: LogIndex): Promise<MembershipChange> {
  const batch = await log.read(index, index, 1)
  return decodeMembershipChange(log.payload(batch, 0))
}

function membershipIndexes({ firstIndex, runs }: RecoveredEntries): LogIndex[] {
  const indexes: LogIndex[] = []
  let index: number = firstIndex
  for (const { kind, count } of runs) {
    const end = index + count
    if (kind !== entryKinds.membership) index = end
    for (; index < end; index++) indexes.push(asIndex(index))
  }
  return indexes
}
