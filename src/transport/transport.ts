/** What the other rooms see of the network between nodes: docs/protocol.md, "Between nodes". */
import type { ClustorError } from '../base/errors.js'
import type { ReplicaId } from '../base/ids.js'
import type { Message } from '../raft/messages.js'

/** A Raft message with the log's frame bytes beside it. */
export interface PeerMessage {
  readonly message: Message
  /** The frames of `message.entries`, back to back, exactly as in the log; null for a message without entries.
   *  Received ones were verified; they may be a view of a larger receive buffer. Read-only by contract. */
  readonly frames: Uint8Array | null
}

/** Names a partition to the other nodes. */
export interface PartitionKey {
  readonly name: string
  /** Equal on all replicas; tells groups apart that carried one name at different times. */
  readonly id: string
}

/** What a replica says when it opens a channel to a peer (docs/protocol.md §3). */
export interface ChannelGreeting {
  /** Of the partition: 1 until it is recovered by force, 0 for a replica that has not joined yet. */
  readonly epoch: number
  /** Of the replica's log: another one means that the log began anew. */
  readonly incarnation: number
  /** The incarnation by which it knows the peer; 0: none. */
  readonly known: number
}

/** Who may take part in a partition. */
export interface PeerAdmission {
  /** For a channel to a peer. */
  greeting(peer: ReplicaId): ChannelGreeting
  /** Called for each channel that a peer opens, before any of its messages is received.
   *  @returns undefined when the peer is admitted, or a promise of that; its messages wait meanwhile.
   *  @throws (or rejects with) what the peer is to be refused with; nothing of it is received then. */
  admit(peer: ReplicaId, greeting: ChannelGreeting): Promise<void> | undefined
}

/** A partition's way to its peers. */
export interface PartitionLink {
  /** Queues a message for `message.to`; everything that is queued in one turn leaves in one write per peer.
   *  Never blocks and never throws for the state of the network: a message that cannot be queued (no connection, queue full) is
   *  dropped, and `unreachable` is called on a later microtask. Messages to one peer arrive in order or not at all, save
   *  around a lost connection, where some may be lost or overtaken. */
  send(message: PeerMessage): void
  /** Refuses what comes from a replica until it opens its channel again, which it does by itself, and is admitted anew. */
  reopen(replica: ReplicaId): void
  /** Ends receiving and sending. */
  detach(): void
}

/** The connections of one process to the other nodes, shared by all its partitions. */
export interface PeerTransport {
  /** Lets a partition send and receive.
   *  @param receive takes a peer's message, verified: well-formed, from the replica it says, its frames checked.
   *  @param admission decides about each channel that a peer opens.
   *  @param unreachable hears that messages to a replica were lost, or may have been.
   *  @throws ERR_INVALID_ARGUMENT when a partition of that name is attached already; ERR_CLOSED after `close`. */
  attach(
    partition: PartitionKey,
    receive: (message: PeerMessage) => void,
    unreachable: (replica: ReplicaId) => void,
    admission: PeerAdmission,
  ): PartitionLink
  /** One row per configured peer, sorted by replica id. */
  status(): readonly PeerStatus[]
  /** Closes the listener and all connections; what was queued may be lost. */
  close(): Promise<void>
}

/** What is known of a peer. Counters start at zero with the process. */
export interface PeerStatus {
  readonly replica: ReplicaId
  /** The node's name. */
  readonly node: string
  readonly address: string
  /** `connected`: messages can be sent. `waiting`: the next attempt is due after a pause. */
  readonly state: 'connected' | 'connecting' | 'waiting'
  /** Bytes queued and not yet taken by the operating system. */
  readonly queuedBytes: number
  readonly sentMessages: number
  readonly sentBytes: number
  readonly receivedMessages: number
  readonly receivedBytes: number
  /** Messages dropped because there was no connection or the queue was full. */
  readonly droppedMessages: number
  /** Received appends whose frames did not verify; each one cost its connection. */
  readonly corruptMessages: number
  /** How often a connection to the peer was established. */
  readonly connects: number
  /** Why the last connection or attempt ended; null when none has. */
  readonly lastError: ClustorError | null
}
