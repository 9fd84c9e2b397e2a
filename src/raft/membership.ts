import type { ReplicaId } from '../base/ids.js'
import type { VoterSets } from './ready.js'

/** Who belongs to a partition, and as what. Every list is ascending and without duplicates.
 *
 *  While `outgoing` is not empty the configuration is joint: elections, commits and reads need a majority of both
 *  halves (Raft §6, dissertation §4.3). */
export interface MembershipConfiguration extends VoterSets {
  /** Replicas that receive the log and neither vote nor count (dissertation §4.2.1); voters of no half. */
  readonly learners: readonly ReplicaId[]
  /** Voters of the outgoing half that become learners when the joint configuration is left. */
  readonly learnersNext: readonly ReplicaId[]
  /** Whether the leader leaves the joint configuration by itself as soon as it is in force. */
  readonly autoLeave: boolean
}

/** What happens to one replica. An update changes nothing here: it replicates the `context` of its change. */
export interface ReplicaChange {
  readonly kind: 'add-voter' | 'add-learner' | 'remove' | 'update'
  /** 0 is ignored. */
  readonly id: ReplicaId
}

/** Which road a change takes. auto: a single one directly, several through a joint configuration that is left by
 *  itself. joint-implicit: joint, left by itself. joint-explicit: joint, until a leave-joint change is proposed. forced: the
 *  added voters are the whole configuration, whatever was before; never proposed, see forced-configuration.ts. */
export type MembershipTransition = 'auto' | 'joint-implicit' | 'joint-explicit' | 'forced'

/** A change of membership, the content of an entry of kind membership. Without changes, and with transition auto, it
 *  leaves a joint configuration. */
export interface MembershipChange {
  readonly transition: MembershipTransition
  /** Made in this order. */
  readonly changes: readonly ReplicaChange[]
  /** For the embedder, the addresses of new replicas for example. */
  readonly context?: Uint8Array
}

/** Leaves a joint configuration: its outgoing half loses its vote. */
export const leaveJointChange: MembershipChange = { transition: 'auto', changes: [] }

export const isLeaveJoint = ({ transition, changes }: MembershipChange): boolean =>
  transition === 'auto' && changes.length === 0

export const isJoint = ({ outgoing }: VoterSets): boolean => outgoing.length > 0

/** Whether the replica votes and counts, in either half. */
export const isVoterOf = ({ incoming, outgoing }: VoterSets, id: ReplicaId): boolean =>
  incoming.includes(id) || outgoing.includes(id)

/** Every replica of a configuration, ascending. */
export const memberIds = (configuration: MembershipConfiguration): ReplicaId[] =>
  ascending([
    ...configuration.incoming,
    ...configuration.outgoing,
    ...configuration.learners,
    ...configuration.learnersNext,
  ])

/** The form in which a configuration holds replicas: sorted, each once. */
export const ascending = (ids: Iterable<ReplicaId>): ReplicaId[] =>
  [...new Set(ids)].sort((a, b) => a - b)
