import type { ClustorError } from '../base/errors.js'
import { noReplica } from '../base/ids.js'
import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { isVoterOf } from '../raft/membership.js'
import type { MembershipConfiguration } from '../raft/membership.js'
import type { CoreStatus, ProgressStatus, Role, VoterSets } from '../raft/ready.js'
import type { LogStatus } from '../wal/log-report.js'

/** What a leader knows of one replica. */
export interface PeerProgress extends Omit<ProgressStatus, 'id' | 'roundTripTicks'> {
  readonly replica: ReplicaId
  /** The node's name; null when it is not configured. */
  readonly node: string | null
  /** Average round trip of heartbeats to it and back in this leadership, in steps of a tick (option tickMs); null before the
   *  first is answered. */
  readonly roundTripMs: number | null
}

/** One replica of a partition, for people and metrics. Every call makes a new one. */
export interface ReplicaStatus {
  readonly replica: ReplicaId
  /** `stopped`: it takes part in nothing any more; `why` says the reason. */
  readonly role: Role | 'stopped'
  readonly term: Term
  /** The leader's node name as far as known. */
  readonly leader: string | null
  readonly commitIndex: LogIndex
  readonly appliedIndex: LogIndex
  /** On stable storage here, and recorded in the ledger. */
  readonly durableIndex: LogIndex
  readonly firstIndex: LogIndex
  readonly lastIndex: LogIndex
  /** Those of both halves of a joint configuration. */
  readonly voters: readonly ReplicaId[]
  /** The one in force here: that of the applied index. */
  readonly configuration: MembershipConfiguration
  /** Who is to take the leadership over; null for nobody. */
  readonly transferTarget: ReplicaId | null
  /** Whether the partition is idle and silent, until something happens (option quiesceMs). */
  readonly quiesced: boolean
  /** Whether it answers linearizable reads by its lease, without asking anybody (option leaseMs). */
  readonly leaseHeld: boolean
  /** Whether the leader has told that the round trip to this replica is high (option highRoundTripMs), and how often since the
   *  start that began. */
  readonly highRoundTrip: boolean
  readonly highRoundTripCount: number
  /** Election timeouts since the start that were twice the usual ones, because of such a round trip. */
  readonly widenedTimeoutCount: number
  /** Empty unless leader. */
  readonly peers: readonly PeerProgress[]
  /** Proposals without an index, entries of ours not yet applied, reads not yet served, writes not yet durable. */
  readonly pending: {
    readonly waitingProposals: number
    readonly inFlightProposals: number
    readonly reads: number
    readonly writes: number
  }
  readonly sessions: number
  /** Times this process was stalled for so long that an election timeout would have been its own fault. */
  readonly stalls: number
  readonly log: LogStatus
  /** Sentences: why it does not lead, why it stopped, why it refuses proposals. Empty for a leader in good health. */
  readonly why: readonly string[]
}

/** What a status is made of. */
export interface StatusParts {
  readonly core: CoreStatus
  readonly log: LogStatus
  readonly tickMs: number
  readonly pending: ReplicaStatus['pending']
  readonly sessions: number
  readonly stalls: number
  readonly stopError: ClustorError | null
  readonly diskError: ClustorError | null
  readonly nameOf: (replica: ReplicaId) => string | null
}

export function buildStatus(parts: StatusParts): ReplicaStatus {
  const { core, log, stopError, nameOf } = parts
  return {
    replica: core.id,
    role: stopError === null ? core.role : 'stopped',
    term: core.term,
    leader: stopError === null ? nameOf(core.leader) : null,
    commitIndex: core.commitIndex,
    appliedIndex: core.appliedIndex,
    durableIndex: log.durableIndex,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    voters: bothHalves(core.voters),
    configuration: core.configuration,
    quiesced: stopError === null && core.quiesced,
    leaseHeld: stopError === null && core.leaseHeld,
    highRoundTrip: stopError === null && core.highRoundTrip,
    highRoundTripCount: core.highRoundTripCount,
    widenedTimeoutCount: core.widenedTimeoutCount,
    transferTarget: core.transferee === noReplica ? null : core.transferee,
    peers: stopError === null ? core.progress.map((peer) => peerProgress(peer, parts)) : [],
    pending: parts.pending,
    sessions: parts.sessions,
    stalls: parts.stalls,
    log,
    why: explain(parts),
  }
}

const bothHalves = ({ incoming, outgoing }: VoterSets): readonly ReplicaId[] =>
  outgoing.length === 0 ? incoming : [...new Set([...incoming, ...outgoing])]

function peerProgress(peer: ProgressStatus, { nameOf, tickMs }: StatusParts): PeerProgress {
  const { roundTripTicks } = peer
  return {
    replica: peer.id,
    node: nameOf(peer.id),
    roundTripMs: roundTripTicks === null ? null : Math.round(roundTripTicks) * tickMs,
    state: peer.state,
    matchIndex: peer.matchIndex,
    nextIndex: peer.nextIndex,
    inflightMessages: peer.inflightMessages,
    inflightBytes: peer.inflightBytes,
    pendingSnapshotIndex: peer.pendingSnapshotIndex,
    learner: peer.learner,
    paused: peer.paused,
    recentActive: peer.recentActive,
  }
}

function explain(parts: StatusParts): readonly string[] {
  const { stopError, diskError, log } = parts
  if (stopError !== null) return [`stopped: ${stopError.code}: ${stopError.message}`]
  const reasons = [...whyNotLeader(parts)]
  if (diskError !== null) reasons.push(`refuses entries until there is space: ${diskError.message}`)
  if (log.stalledMs > 0) reasons.push(`waits for the disk: no answer for ${seconds(log.stalledMs)}`)
  return reasons
}

const seconds = (durationMs: number): string => `${(durationMs / 1000).toFixed(1)} s`

function whyNotLeader({ core, tickMs, nameOf }: StatusParts): readonly string[] {
  const { role, term, leader } = core
  switch (role) {
    case 'leader':
      return []
    case 'candidate':
      return [`asks for votes in term ${term}`]
    case 'pre-candidate':
      return [`asks whether it could win an election after term ${term}`]
    case 'follower': {
      const name = nameOf(leader)
      if (name !== null) return [`${name} leads term ${term}`]
      if (!isVoterOf(core.configuration, core.id)) return [whyNoVoter(core)]
      const waitMs = Math.max(0, core.electionTimeoutTicks - core.electionElapsedTicks) * tickMs
      return [`knows no leader in term ${term}; campaigns in ${waitMs} ms`]
    }
  }
}

function whyNoVoter({ configuration, id, term }: CoreStatus): string {
  const { learners } = configuration
  const what = learners.includes(id) ? 'is a learner' : 'does not belong to the partition'
  return `${what} and knows no leader in term ${term}; it does not campaign`
}
