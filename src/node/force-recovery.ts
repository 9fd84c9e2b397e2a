import { ClustorError } from '../base/errors.js'
import type { LogIndex, Term } from '../base/ids.js'
import { asIndex, asTerm } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import { forcedChange } from '../raft/forced-configuration.js'
import { encodeMembershipChange } from '../raft/membership-codec.js'
import type { InspectOptions } from '../wal/inspect.js'
import type { OpenLogOptions } from '../wal/log-settings.js'
import { openReplicaLog } from '../wal/native-replica-log.js'
import type { LogWrite, ReplicaLog } from '../wal/replica-log.js'
import { newestForcedOf } from './log-epoch.js'
import { inspectSurvivor, lastTermOf } from './survivor.js'
import type { Survivor } from './survivor.js'

/** What forcing made of a survivor. */
export interface ForcedRecovery {
  readonly epoch: number
  /** Where its log says that the replica is the only voter. */
  readonly index: LogIndex
  readonly term: Term
}

/** Makes a replica that is not running the only voter of its partition, in a new epoch, after a majority is lost for good. Everything
 *  in its log counts as committed from then on. One write of the log does it: a crash leaves the old state or the new one.
 *
 *  What the lost replicas had acknowledged and this one does not hold is lost; entries that were never acknowledged may
 *  take effect. Replicas of the old epoch are refused from then on (docs/raft.md, "A majority is lost").
 *  @param directory of the partition, of the most advanced survivor.
 *  @throws ERR_LOCKED while a process has the log open; ERR_INVALID_ARGUMENT when the replica is recovered already; as
 *  opening the log and appending to it. */
export async function forceRecovery(
  directory: string,
  { keys }: Pick<InspectOptions, 'keys'> = {},
): Promise<ForcedRecovery> {
  const survivor = await inspectSurvivor(directory, { keys })
  const log = await openInItsCodec(survivor, { keys })
  try {
    return await force(log, survivor)
  } finally {
    await log.close()
  }
}

async function force(
  log: ReplicaLog,
  { directory, replica, epoch: before }: Survivor,
): Promise<ForcedRecovery> {
  const { entries, hardState } = log.recovered
  // Looked at under the lock: nobody else has forced it meanwhile.
  const forced = await newestForcedOf(log)
  if (forced?.index === entries.lastIndex) throw recovered(directory, forced.epoch)
  const index = asIndex(entries.lastIndex + 1)
  const term = asTerm(Math.max(hardState.term, lastTermOf(entries)) + 1)
  // The time, so that two survivors that are forced by mistake are not of the same epoch.
  const epoch = Math.max(before + 1, (forced?.epoch ?? 0) + 1, Date.now())
  const payload = encodeMembershipChange(forcedChange(replica, epoch))
  const frames = log.encode(term, index, entryKinds.membership, [payload])
  // In this term the replica has voted for itself, and it is the quorum: the entry is committed.
  await persist(log, { hardState: { term, vote: replica, commitIndex: index }, frames })
  return { epoch, index, term }
}

const persist = (log: ReplicaLog, write: LogWrite): Promise<void> =>
  new Promise((resolve, reject) => {
    log.persist(write, (error) => {
      if (error === null) resolve()
      else reject(error)
    })
  })

/** The ledger keeps its codec, which only a refusal tells. */
async function openInItsCodec(
  { directory, cluster, partition, replica }: Survivor,
  { keys }: Pick<InspectOptions, 'keys'>,
): Promise<ReplicaLog> {
  const identity = { cluster, partition, replica }
  // The files are where they are: whether a sync is worth something there was decided when they were made.
  const options: OpenLogOptions = { directory, identity, keys, unsafeFileSystem: true }
  try {
    return await openReplicaLog({ ...options, ledgerCodec: 'binary' })
  } catch (error) {
    if (!(error instanceof ClustorError) || error.code !== 'ERR_CODEC_MISMATCH') throw error
    return await openReplicaLog({ ...options, ledgerCodec: 'json' })
  }
}

function recovered(directory: string, epoch: number): ClustorError {
  const message = `${directory} is recovered already, in epoch ${epoch}: start the node`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { directory, epoch } })
}
