/** `clustor`: a replicated state machine on a durable log. */
export { ClustorError, errorCodes, type ErrorCode, type Outcome } from './base/errors.js'
export type { LogIndex, ReplicaId, Term } from './base/ids.js'
export type { SessionStamp } from './apply/command.js'
export { KeyValueMachine } from './apply/key-value.js'
export type { CommittedBatch, CommittedEntry, StateMachine } from './apply/state-machine.js'
export { forceRecovery, type ForcedRecovery } from './node/force-recovery.js'
export { Node, type MemberAddresses, type NodeOptions, type NodeStatus } from './node/node.js'
export { Partition, type PartitionStatus, type ProposeOptions } from './node/partition.js'
export { inspectSurvivor, mostAdvancedFirst, type Survivor } from './node/survivor.js'
export { Session } from './node/session.js'
export type {
  MembershipChange,
  MembershipConfiguration,
  MembershipTransition,
  ReplicaChange,
} from './raft/membership.js'
export type { ProposeResult } from './replica/proposals.js'
export type { PeerProgress } from './replica/replica-status.js'
export type { CallOptions, LocalRead, ReadOptions, SubscribeOptions } from './replica/replica.js'
export type { Change } from './replica/subscription.js'
export { KeyRing, type KeyRingOptions } from './wal/key-ring.js'
export type { KeyRingKeys } from './wal/keys.js'
export type { PeerStatus } from './transport/transport.js'
