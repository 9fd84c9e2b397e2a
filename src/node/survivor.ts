import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { asReplica } from '../base/ids.js'
import type { RecoveredEntries } from '../raft/ready.js'
import { inspectReplicaLog, proveEntry } from '../wal/inspect.js'
import type { InspectOptions } from '../wal/inspect.js'
import { entryOfProof } from '../wal/proof.js'
import { firstEpoch, newestForced } from './log-epoch.js'
import { peersFileOf, readPeersFile } from './peers-file.js'

/** What a replica that is not running has, as far as its own files tell. */
export interface Survivor {
  readonly directory: string
  readonly cluster: string
  readonly partition: string
  readonly replica: ReplicaId
  /** Whether a process has the log open: what is said here may be old by now. */
  readonly locked: boolean
  readonly epoch: number
  /** The newest term that the replica has heard of. */
  readonly term: Term
  /** Known to be committed: the lower bound, for the commit index is written with the next entries. */
  readonly commitIndex: LogIndex
  readonly lastIndex: LogIndex
  /** Of the last entry; 0 without entries. */
  readonly lastTerm: Term
  /** Whether the log ends with a configuration that was forced: recovered, and not started since. */
  readonly isRecovered: boolean
}

/** Looks at the log of a replica. Changes nothing, takes no lock.
 *  @param directory of a partition.
 *  @throws as opening the log would; ERR_IO and its kin when files cannot be read. */
export async function inspectSurvivor(
  directory: string,
  options: InspectOptions = {},
): Promise<Survivor> {
  const { identity, locked, recovered } = await inspectReplicaLog(directory, options)
  const { entries, hardState } = recovered
  const { cluster, partition, replica } = identity
  const forced = await newestForced(entries, (index) => payloadAt(directory, index, options))
  const { epoch } = readPeersFile(peersFileOf(directory))
  return {
    directory,
    cluster,
    partition,
    replica: asReplica(replica),
    locked,
    epoch: Math.max(epoch, forced?.epoch ?? 0, firstEpoch),
    term: hardState.term,
    commitIndex: hardState.commitIndex,
    lastIndex: entries.lastIndex,
    lastTerm: lastTermOf(entries),
    isRecovered: forced !== null && forced.index === entries.lastIndex,
  }
}

/** The most advanced first: by epoch, by the term of the last entry, by its index (Raft §5.4.1). A log that comes first holds every
 *  entry that a majority with the others has acknowledged. */
export function mostAdvancedFirst(survivors: readonly Survivor[]): Survivor[] {
  return [...survivors].sort(
    (a, b) => b.epoch - a.epoch || b.lastTerm - a.lastTerm || b.lastIndex - a.lastIndex,
  )
}

export const lastTermOf = ({ runs, prevTerm }: RecoveredEntries): Term =>
  runs.at(-1)?.term ?? prevTerm

/** The payload of an entry, without opening the log. */
async function payloadAt(
  directory: string,
  index: LogIndex,
  options: InspectOptions,
): Promise<Uint8Array> {
  const entry = entryOfProof(await proveEntry(directory, index, options))
  return entry?.payload ?? new Uint8Array(0)
}
