import { ClustorError } from '../base/errors.js'
import type { LogIndex, ReplicaId } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { memberIds } from '../raft/membership.js'
import type { MembershipConfiguration } from '../raft/membership.js'
import type { ChannelGreeting, PeerAdmission } from '../transport/transport.js'
import type { ReplicaLog } from '../wal/replica-log.js'
import { firstEpoch, newestForcedOf } from './log-epoch.js'
import { peersFileOf, readPeersFile, writePeersFile } from './peers-file.js'
import type { KnownPeer } from './peers-file.js'

/** How to open a register. */
export interface PeerRegisterOptions {
  readonly partition: string
  readonly replica: ReplicaId
  /** Of the partition; its log is open, so nobody else is in it. */
  readonly directory: string
  readonly log: ReplicaLog
  /** Whether this replica is one of the voters with which the partition began. */
  readonly isFounder: boolean
}

/** Which logs a replica's peers have, and the epoch of the partition (docs/raft.md, "Replicas that began anew").
 *
 *  A peer is known by the incarnation of its log from its first channel on. With another log it has lost what it voted and
 *  acknowledged, and nothing of it is heard until it was removed from the partition. What is known is durable before anything of
 *  a peer is heard; it is written once in the life of a peer. */
export class PeerRegister implements PeerAdmission {
  readonly #file: string
  readonly #partition: string
  readonly #replica: ReplicaId
  readonly #incarnation: number
  #epoch: number
  #peers: ReadonlyMap<ReplicaId, KnownPeer>
  /** Those that were removed, and have not been in contact as members since. */
  readonly #released = new Set<ReplicaId>()
  #members: readonly ReplicaId[] = []
  /** Of what is known, and of what the file holds. */
  #version = 0
  #durableVersion = 0
  #writing: Promise<void> = Promise.resolve()
  #isClosed = false
  #reopen: (peer: ReplicaId) => void = () => undefined
  /** The newest change that is applied here. */
  #membershipIndex = asIndex(0)

  /** @throws ERR_LOG_CORRUPT when the file cannot be read; as newestForcedOf. */
  static async open(options: PeerRegisterOptions): Promise<PeerRegister> {
    const forced = await newestForcedOf(options.log)
    return new PeerRegister(options, forced?.epoch ?? 0)
  }

  private constructor(
    { partition, replica, directory, log, isFounder }: PeerRegisterOptions,
    logEpoch: number,
  ) {
    this.#file = peersFileOf(directory)
    this.#partition = partition
    this.#replica = replica
    this.#incarnation = log.recovered.incarnation
    const { epoch, peers } = readPeersFile(this.#file)
    const hasJoined = isFounder || log.recovered.entries.lastIndex > 0
    this.#epoch = Math.max(epoch, logEpoch, hasJoined ? firstEpoch : 0)
    this.#peers = peers
  }

  /** A peer that may come back with another log is known by none. */
  greeting(peer: ReplicaId): ChannelGreeting {
    const known = this.#released.has(peer) ? 0 : (this.#peers.get(peer)?.incarnation ?? 0)
    return { epoch: this.#epoch, incarnation: this.#incarnation, known }
  }

  /** @throws ERR_EPOCH_MISMATCH, ERR_REPLICA_REPLACED, ERR_PARTITION_UNKNOWN after `close`; rejects with what the file system says when the peer cannot be
   *  remembered. */
  admit(
    replica: ReplicaId,
    { epoch, incarnation, known }: ChannelGreeting,
  ): Promise<void> | undefined {
    if (this.#isClosed) throw this.#leaving()
    this.#assertSameEpoch(replica, epoch)
    this.#assertSameLog(replica, incarnation)
    this.#assertKnown(replica, known)
    if (this.#epoch === 0 && epoch > 0) this.#learn(() => (this.#epoch = epoch))
    if (this.#isNews(replica, incarnation)) this.#learn(() => this.#know(replica, incarnation))
    return this.#version === this.#durableVersion ? undefined : this.#write()
  }

  /** Admits nobody any more; resolves when nothing is being written. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#writing.catch(() => undefined)
  }

  /** How a peer is made to open its channel again, and to be admitted anew. */
  onReadmission(reopen: (peer: ReplicaId) => void): void {
    this.#reopen = reopen
  }

  /** A configuration is in force from `index` on. Who is not in it may come back with another log, once: as a member again, it
   *  is known by the one with which it is in contact first. A replay of the log comes to the same result. */
  noteMembership(configuration: MembershipConfiguration, index: LogIndex): void {
    const before = this.#members
    this.#membershipIndex = index
    this.#members = memberIds(configuration)
    for (const [replica, { sinceIndex }] of this.#peers) {
      const isMember = this.#members.includes(replica)
      if (!isMember && index > sinceIndex) this.#released.add(replica)
      const isBack = isMember && !before.includes(replica) && this.#released.has(replica)
      if (isBack) this.#reopen(replica)
    }
  }

  #learn(change: () => void): void {
    change()
    this.#version += 1
  }

  #know(replica: ReplicaId, incarnation: number): void {
    const known = { incarnation, sinceIndex: this.#membershipIndex }
    this.#peers = new Map(this.#peers).set(replica, known)
    this.#released.delete(replica)
  }

  /** One write at a time; those who come meanwhile wait for the one after it, which has all that is known by then. */
  #write(): Promise<void> {
    const again = (): Promise<void> => this.#writeWhatIsKnown()
    this.#writing = this.#writing.then(again, again)
    return this.#writing
  }

  async #writeWhatIsKnown(): Promise<void> {
    const version = this.#version
    if (version === this.#durableVersion) return
    await writePeersFile(this.#file, { epoch: this.#epoch, peers: this.#peers })
    this.#durableVersion = version
  }

  #isNews(replica: ReplicaId, incarnation: number): boolean {
    if (this.#peers.get(replica)?.incarnation !== incarnation) return true
    return this.#released.has(replica) && this.#members.includes(replica)
  }

  #leaving(): ClustorError {
    const message = `partition ${this.#partition} is being closed`
    return new ClustorError('ERR_PARTITION_UNKNOWN', message)
  }

  #assertSameEpoch(replica: ReplicaId, epoch: number): void {
    const own = this.#epoch
    if (own === epoch || own === 0 || epoch === 0) return
    const what = `partition ${this.#partition} was recovered by force and is in epoch ${Math.max(own, epoch)}`
    const older = own < epoch ? this.#replica : replica
    const message = `${what}; replica ${older} is of epoch ${Math.min(own, epoch)}, and its log may contradict what the others went on with. Keep its directory aside and let it join with an empty one (docs/raft.md)`
    throw new ClustorError('ERR_EPOCH_MISMATCH', message, {
      fields: { replica: older, epoch: Math.min(own, epoch), epochNow: Math.max(own, epoch) },
    })
  }

  #assertSameLog(replica: ReplicaId, incarnation: number): void {
    const known = this.#peers.get(replica)?.incarnation ?? incarnation
    if (known === incarnation) return
    if (incarnation > known && this.#released.has(replica)) return
    throw this.#replaced(replica, { incarnation, known })
  }

  /** A peer knew this replica before it began anew: it must not hear that peer either, which counts on what is lost. */
  #assertKnown(replica: ReplicaId, known: number): void {
    const incarnation = this.#incarnation
    if (known === 0 || known === incarnation) return
    throw this.#replaced(this.#replica, { incarnation, known })
  }

  #replaced(replica: ReplicaId, { incarnation, known }: { incarnation: number; known: number }) {
    const what =
      incarnation > known
        ? 'it began anew, and what it had voted and acknowledged is lost'
        : 'an older directory was put back'
    const message = `replica ${replica} has log ${incarnation} in partition ${this.#partition}, known is ${known}: ${what}. Remove the replica from the partition, start it empty, add it as a learner (docs/raft.md)`
    return new ClustorError('ERR_REPLICA_REPLACED', message, {
      fields: { replica, incarnation, known },
    })
  }
}
