import type { SessionStamp } from '../apply/command.js'
import type { StateMachine } from '../apply/state-machine.js'
import type { LogIndex, ReplicaId } from '../base/ids.js'
import type { MembershipChange, MembershipConfiguration } from '../raft/membership.js'
import type { ProposeResult } from '../replica/proposals.js'
import type { ReplicaStatus } from '../replica/replica-status.js'
import type {
  CallOptions,
  LocalRead,
  ReadOptions,
  Replica,
  SubscribeOptions,
} from '../replica/replica.js'
import type { Change } from '../replica/subscription.js'
import { Session } from './session.js'

/** How to propose. */
export interface ProposeOptions extends CallOptions {
  /** Makes the proposal exactly-once: `session.next()`, and the same stamp again for a retry. */
  readonly session?: SessionStamp | null | undefined
}

/** A partition's status, with its name. */
export interface PartitionStatus extends ReplicaStatus {
  readonly partition: string
}

/** This node's part in one partition. */
export class Partition<Machine extends StateMachine = StateMachine> {
  readonly name: string
  readonly #replica: Replica<Machine>

  constructor(name: string, replica: Replica<Machine>) {
    this.name = name
    this.#replica = replica
  }

  /** Replicates a payload and applies it; resolves when it is durable on a quorum and applied here. Bytes are copied
   *  before the call returns. Calls get their place in the log in call order. Leader only.
   *  @param payload at most proposalBytesMax bytes.
   *  @throws with `outcome` 'not-applied': ERR_NOT_LEADER (fields leader, leaderHint), ERR_BUSY, ERR_DISK_FULL, ERR_TOO_LARGE,
   *  ERR_SESSION_GAP, ERR_SESSION_EXPIRED; with either outcome: ERR_PROPOSAL_LOST, ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED,
   *  ERR_APPLY_FAULT, ERR_LOG_POISONED. */
  propose(payload: Uint8Array, options: ProposeOptions = {}): Promise<ProposeResult> {
    return new Promise((resolve, reject) => {
      this.#replica.propose(payload, options, { resolve, reject })
    })
  }

  /** Opens an exactly-once session in the replicated state; it survives leader changes and restarts.
   *  @throws as `propose`. */
  async openSession(options: CallOptions = {}): Promise<Session> {
    const { index } = await new Promise<ProposeResult>((resolve, reject) => {
      this.#replica.openSession(options, { resolve, reject })
    })
    return new Session(index)
  }

  /** Forgets a session and its answers. @throws as `propose`. */
  async closeSession(session: LogIndex, options: CallOptions = {}): Promise<void> {
    await new Promise<ProposeResult>((resolve, reject) => {
      this.#replica.closeSession(session, options, { resolve, reject })
    })
  }

  /** Reads linearizably: sees everything that was answered anywhere before the call. The leader reads, or with `anywhere`
   *  every node: it asks the leader how far it must have applied. Costs a round of heartbeats (shared by all reads of a turn; none
   *  while a lease runs, option leaseMs) and no log entry.
   *  @throws ERR_NOT_LEADER, ERR_TIMEOUT, ERR_ABORTED, ERR_BUSY, and the reason for which the partition stopped. */
  read<Value>(
    query: (machine: Machine, appliedIndex: LogIndex) => Value,
    options: ReadOptions = {},
  ): Promise<Awaited<Value>> {
    return this.#replica.read(query, options)
  }

  /** Reads on this node as soon as the entry at `index` is applied here. With the index that a proposal was answered with, on
   *  whichever node, the read shows that write. Asks nobody.
   *  @throws ERR_TIMEOUT when the entry is not applied here in time; ERR_ABORTED, ERR_BUSY, and the reason for which the
   *  partition stopped. */
  readAt<Value>(
    index: LogIndex,
    query: (machine: Machine, appliedIndex: LogIndex) => Value,
    options: CallOptions = {},
  ): Promise<Awaited<Value>> {
    return this.#replica.readAt(index, query, options)
  }

  /** Changes which of the cluster's members belong to this partition, and as what; resolves with the configuration that is in
   *  force once the change is applied here. One change at a time, leader only.
   *  @param change with the numeric ids of members (`status().configuration`); an empty one leaves a joint configuration.
   *  @throws ERR_MEMBERSHIP_REFUSED when the configuration does not admit it; ERR_MEMBERSHIP_BUSY while another is under way, or
   *  a removed member has not caught up as a learner; ERR_INVALID_ARGUMENT for what is no change; and as `propose`. */
  async changeMembership(
    change: MembershipChange,
    options: CallOptions = {},
  ): Promise<MembershipConfiguration> {
    const { result } = await new Promise<ProposeResult>((resolve, reject) => {
      this.#replica.changeMembership(change, options, { resolve, reject })
    })
    // What a membership entry is answered with: the configuration after it.
    return result as MembershipConfiguration
  }

  /** Hands leadership to another voter and resolves when that one is known to lead, for example before this node is stopped.
   *  @throws ERR_NOT_LEADER, ERR_TRANSFER_REFUSED, ERR_TRANSFER_TOO_SOON (field remainingMs) in the first 750 ms of a leadership,
   *  ERR_TRANSFER_FAILED when somebody else leads or this node leads on; ERR_TIMEOUT with outcome unknown. */
  transferLeadership(to: ReplicaId, options: Pick<CallOptions, 'timeoutMs'> = {}): Promise<void> {
    return this.#replica.transferLeadership(to, options)
  }

  /** Reads what is applied here, at once and possibly stale; says at which index. */
  readLocal<Value>(query: (machine: Machine) => Value): LocalRead<Value> {
    return this.#replica.readLocal(query)
  }

  /** The proposals that were applied, from an index on, then those to come: in order, none twice, none missing. It
   *  reads at the pace of its consumer, on every node.
   *  @throws ERR_INDEX_COMPACTED, ERR_ABORTED, and the reason for which the partition stopped. */
  subscribe(options: SubscribeOptions = {}): AsyncGenerator<Change, void, undefined> {
    return this.#replica.subscribe(options)
  }

  status(): PartitionStatus {
    return { partition: this.name, ...this.#replica.status() }
  }

  /** Resolves when the applied index, the role or the leader has moved, or the partition stops.
   *  @throws the reason, when it has stopped already. */
  nextChange(): Promise<void> {
    return this.#replica.nextChange()
  }
}
