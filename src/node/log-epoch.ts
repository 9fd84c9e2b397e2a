import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import { epochOf } from '../raft/forced-configuration.js'
import { decodeMembershipChange } from '../raft/membership-codec.js'
import type { RecoveredEntries } from '../raft/ready.js'
import type { ReplicaLog } from '../wal/replica-log.js'

/** The epoch of a partition that was never recovered by force. */
export const firstEpoch = 1

/** An entry that forced a configuration. */
export interface ForcedEntry {
  readonly index: LogIndex
  readonly epoch: number
}

/** The newest entry of a log that forced a configuration, or null. Reads the entries of kind membership, and no others.
 *  @throws as payloadAt; ERR_FORMAT_NEWER, ERR_PROTOCOL for a change that cannot be read. */
export async function newestForced(
  entries: RecoveredEntries,
  payloadAt: (index: LogIndex) => Promise<Uint8Array>,
): Promise<ForcedEntry | null> {
  for (const index of membershipIndexes(entries).reverse()) {
    const epoch = epochOf(decodeMembershipChange(await payloadAt(index)))
    if (epoch !== null) return { index, epoch }
  }
  return null
}

/** The same, of an open log. @throws also as ReplicaLog.read. */
export const newestForcedOf = (log: ReplicaLog): Promise<ForcedEntry | null> =>
  newestForced(log.recovered.entries, async (index) =>
    log.payload(await log.read(index, index, 1), 0),
  )

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
