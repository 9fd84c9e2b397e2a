import type { ChoiceRow, NumberRow, SwitchRow } from './option-rows.js'
import { bytes, choice, count, milliseconds, switched } from './option-rows.js'

const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB
const hourMs = 3_600_000

/** Every option of clustor, once: name, unit, default, bounds, meaning. The same names are used in the configuration file,
 *  in JavaScript, as flags (`--segment-bytes`) and in the environment (`CLUSTOR_SEGMENT_BYTES`). */
export const optionTable = {
  // The durable log of a partition
  segmentBytes: bytes(
    'log',
    64 * MiB,
    64 * KiB,
    2 * GiB,
    'Size of a log segment; segments are preallocated and zeroed.',
  ),
  durability: choice(
    'log',
    'strict',
    ['strict', 'group'],
    'strict syncs once for each append call; group makes one block of everything queued meanwhile.',
  ),
  ledger: choice(
    'log',
    'ordered',
    ['ordered', 'overlapped', 'inline'],
    'When the ledger is synced: after the segment, together with it, or not before an acknowledgement at all.',
  ),
  ledgerConfirmMs: milliseconds(
    'log',
    20,
    1,
    60_000,
    'Pause of an overlapped or inline log after which its newest block is confirmed in the ledger.',
  ),
  encoding: choice(
    'log',
    'binary',
    ['binary', 'json'],
    'How new segments hold entries; a log may mix both. Also `CLUSTOR_LOG_ENCODING`.',
    'CLUSTOR_LOG_ENCODING',
  ),
  merkleLeaves: switched(
    'log',
    false,
    'Frames of new segments carry the SHA-256 leaf of the Merkle tree; proofs work without it too.',
  ),
  ledgerCodec: choice(
    'log',
    'binary',
    ['binary', 'json'],
    'How the durability ledger is written; a log keeps the codec that it was made with. Also `CLUSTOR_WAL_CODEC`.',
    'CLUSTOR_WAL_CODEC',
  ),
  unsafeFileSystem: switched(
    'log',
    false,
    'Opens logs on file systems of memory or of a network, where a sync promises little; for throw-away data.',
  ),
  blockAlignmentBytes: bytes(
    'log',
    4 * KiB,
    512,
    4 * KiB,
    'Blocks start at multiples of this; smaller saves space and wears the disk more.',
    { powerOfTwo: true },
  ),
  payloadBytesMax: bytes(
    'log',
    4 * MiB,
    1 * KiB,
    64 * MiB,
    'Largest payload of one log entry; it must fit into a segment.',
  ),
  groupBytesMax: bytes(
    'log',
    4 * MiB,
    64 * KiB,
    64 * MiB,
    'Most bytes that group commit puts into one block.',
  ),
  groupEntriesMax: count(
    'log',
    16_384,
    1,
    1_000_000,
    'Most entries that group commit puts into one block.',
  ),
  groupWaitMsMax: milliseconds(
    'log',
    0,
    0,
    1_000,
    'Longest time an append of DurableLog waits for company before it goes to the disk; 0 never waits.',
  ),
  appendQueueBytesMax: bytes(
    'log',
    64 * MiB,
    64 * KiB,
    4 * GiB,
    'Bytes that may wait for the disk before appends are refused with ERR_BUSY.',
  ),
  recentFramesBytesMax: bytes(
    'log',
    16 * MiB,
    0,
    4 * GiB,
    'Recent entries kept in memory, so that followers and the state machine rarely read the disk.',
  ),
  ledgerBytesMax: bytes(
    'log',
    8 * MiB,
    64 * KiB,
    1 * GiB,
    'Size at which the durability ledger is compacted.',
  ),
  sparesMax: count(
    'log',
    2,
    0,
    64,
    'Segments that truncatePrefix removed and that are kept to be used again.',
  ),
  headroomBytes: bytes(
    'log',
    256 * KiB,
    64 * KiB,
    1 * GiB,
    'Space held back, so that votes and truncations still fit when the disk is full; whole pages of 4 KiB.',
  ),
  scrubIntervalMs: milliseconds(
    'log',
    6 * hourMs,
    1_000,
    168 * hourMs,
    'Time in which the background scrubber verifies at least 1 % of the log.',
  ),
  scrubPassMs: milliseconds(
    'log',
    168 * hourMs,
    1_000,
    8_760 * hourMs,
    'Time in which the background scrubber verifies all of the log.',
  ),
  scrubStepBytes: bytes(
    'log',
    1 * MiB,
    4 * KiB,
    64 * MiB,
    'Bytes that the background scrubber reads at once.',
  ),
  scrubPaused: switched('log', false, 'The background scrubber starts paused.'),
  syncStallMs: milliseconds(
    'log',
    5_000,
    10,
    3_600_000,
    'Time without an answer of the disk, while writes wait for it, that counts as a stall.',
  ),
  verifyThreads: count(
    'log',
    2,
    1,
    64,
    'Threads that read and verify the segments of a log while it is opened.',
  ),
  committerThreads: count(
    'log',
    16,
    1,
    64,
    'Native threads that sync logs, at most; all partitions of a process share them, and each starts when all others are busy.',
  ),
  completionPollUsMax: count(
    'log',
    400,
    0,
    10_000,
    'While the disk answers small appends within so many microseconds, their wait is spent awake: an idle event loop polls for their end, and an idle processor of the thread that commits does not sleep. 0: never.',
  ),

  // Raft timing and windows
  profile: choice(
    'raft',
    'latency',
    ['latency', 'throughput', 'wan'],
    'Defaults for a purpose: throughput makes groups of appends, wan has the timeouts of nodes that are far apart.',
  ),
  tickMs: milliseconds('raft', 10, 1, 1_000, 'Length of a tick, the clock of the Raft core.'),
  electionTimeoutMsMin: milliseconds(
    'raft',
    150,
    10,
    60_000,
    'Shortest silence of the leader after which a follower campaigns.',
  ),
  electionTimeoutMsMax: milliseconds(
    'raft',
    300,
    10,
    120_000,
    'Longest such silence; each node draws its timeout between the two.',
  ),
  electionBiasMs: milliseconds(
    'raft',
    0,
    0,
    60_000,
    'Added to the election timeouts of this node: those with a smaller one campaign first, so they lead more often.',
  ),
  highRoundTripMs: milliseconds(
    'raft',
    150,
    0,
    60_000,
    'Average round trip of heartbeats from which on a candidate gives its next election twice the time; at least electionTimeoutMsMin; 0: never.',
  ),
  heartbeatMs: milliseconds('raft', 50, 1, 30_000, 'Interval of the heartbeats of an idle leader.'),
  preVote: switched(
    'raft',
    true,
    'Ask before raising the term, so that a node that was cut off does not disturb a healthy leader.',
  ),
  checkQuorum: switched(
    'raft',
    true,
    'A leader that hears no quorum for an election timeout steps down.',
  ),
  leaseMs: milliseconds(
    'raft',
    0,
    0,
    60_000,
    'How long after a heartbeat that a majority answered the leader serves reads without asking; 0: never. Equal on all nodes.',
  ),
  leaseDriftMs: milliseconds(
    'raft',
    10,
    0,
    60_000,
    'How far the clocks of two nodes drift apart within an election timeout, at most; only leases rely on it.',
  ),
  longestLogWaitMs: milliseconds(
    'raft',
    0,
    0,
    60_000,
    'How long a candidate with a majority waits for the other nodes, in case one has a longer log; below electionTimeoutMsMin.',
  ),
  quiesceMs: milliseconds(
    'raft',
    0,
    0,
    3_600_000,
    'Idle time after which a partition sends no heartbeats until something happens; 0: never. Equal on all nodes, not with leaseMs.',
  ),
  loopStallMsMax: milliseconds(
    'raft',
    1_000,
    10,
    3_600_000,
    'A leader whose event loop stood still for so long gives its leadership up when it goes on.',
  ),
  promotionLagEntriesMax: count(
    'raft',
    0,
    0,
    1_000_000_000,
    'A learner that lacks at most so many entries for promotionRounds becomes a voter; 0: never by itself.',
  ),
  promotionRounds: count(
    'raft',
    3,
    1,
    1_000,
    'Times the shortest election timeout, on end, for which a learner must keep up before it becomes a voter.',
  ),
  inflightMessagesMax: count(
    'raft',
    256,
    1,
    65_536,
    'Append messages that may be under way to one follower; also batches of proposals that are not committed.',
  ),
  inflightBytesMax: bytes(
    'raft',
    16 * MiB,
    64 * KiB,
    1 * GiB,
    'Bytes of entries that may be under way to one follower.',
  ),
  appendBytesMax: bytes(
    'raft',
    1 * MiB,
    4 * KiB,
    3 * MiB,
    'Bytes of entries in one append message; a single larger entry still travels.',
  ),
  uncommittedBytesMax: bytes(
    'raft',
    64 * MiB,
    64 * KiB,
    4 * GiB,
    'Bytes proposed and not committed yet before proposals are refused with ERR_BUSY.',
  ),
  applyBytesMax: bytes(
    'raft',
    4 * MiB,
    4 * KiB,
    256 * MiB,
    'Bytes of committed entries handed to the state machine at once.',
  ),

  // Connections
  frameBytesMax: bytes(
    'transport',
    4 * MiB,
    64 * KiB,
    4 * MiB,
    'Largest body of a frame on the wire, checked before memory is taken.',
  ),
  sendQueueBytesMax: bytes(
    'transport',
    16 * MiB,
    64 * KiB,
    1 * GiB,
    'Bytes that may wait for one peer before messages to it are dropped.',
  ),
  connectTimeoutMs: milliseconds(
    'transport',
    2_000,
    50,
    60_000,
    'Time a connection attempt may take, handshake included.',
  ),
  reconnectMsMin: milliseconds(
    'transport',
    20,
    1,
    60_000,
    'First pause before a lost connection is tried again; doubled each time, with jitter.',
  ),
  reconnectMsMax: milliseconds(
    'transport',
    1_000,
    1,
    300_000,
    'Longest pause between two attempts.',
  ),
  peerSilenceMsMax: milliseconds(
    'transport',
    3_000,
    100,
    600_000,
    'Silence, pings unanswered, after which a connection to a peer counts as lost.',
  ),
  clientConnectionsMax: count(
    'transport',
    1_024,
    1,
    65_536,
    'Client connections that a node accepts.',
  ),
  connectionRequestsMax: count(
    'transport',
    4_096,
    1,
    1_000_000,
    'Requests of one client connection under way before no more of it is read.',
  ),
  connectionRequestBytesMax: bytes(
    'transport',
    32 * MiB,
    64 * KiB,
    4 * GiB,
    'Bytes of such requests before no more of the connection is read.',
  ),
  connectionBacklogBytesMax: bytes(
    'transport',
    4 * MiB,
    64 * KiB,
    1 * GiB,
    'Bytes of answers that a client has not taken before no more of its connection is read.',
  ),

  // Remote clients
  requestTimeoutMs: milliseconds(
    'client',
    10_000,
    1,
    3_600_000,
    'Deadline of a request that names none.',
  ),
  retryMsMin: milliseconds(
    'client',
    5,
    1,
    60_000,
    'First pause before a request is tried again; doubled each time, with jitter.',
  ),
  retryMsMax: milliseconds('client', 500, 1, 300_000, 'Longest pause between two attempts.'),
  inflightProposalsMax: count(
    'client',
    1_024,
    1,
    16_384,
    'Proposals of one session under way; more wait in the client.',
  ),
  inflightRequestsMax: count(
    'client',
    16_384,
    1,
    1_000_000,
    'Requests of one client that may be under way or waiting; more are refused with ERR_BUSY.',
  ),
  inflightRequestBytesMax: bytes(
    'client',
    64 * MiB,
    64 * KiB,
    4 * GiB,
    'Bytes of requests of one client that may be under way.',
  ),

  // Exactly-once sessions
  sessionsMax: count(
    'sessions',
    4_096,
    1,
    1_000_000,
    'Sessions a partition remembers; the least recently used one expires first.',
  ),
  sessionResultsMax: count(
    'sessions',
    16_384,
    1,
    1_000_000,
    'Answers remembered for one session until its client acknowledges them.',
  ),

  // A node
  allowPlainSegments: switched(
    'node',
    false,
    'With keysFile: logs may have segments from before they had keys; else those are refused, for anybody could have put them there.',
  ),
  proposalBytesMax: bytes(
    'node',
    2 * MiB,
    1 * KiB,
    3 * MiB,
    'Largest proposal a node takes from its callers and clients.',
  ),
  proposalQueueMax: count(
    'node',
    65_536,
    1,
    10_000_000,
    'Proposals that may wait in a partition before more are refused with ERR_BUSY.',
  ),
  shutdownTimeoutMs: milliseconds(
    'node',
    5_000,
    0,
    600_000,
    'Time a stopping node waits for what is under way.',
  ),
} as const satisfies Record<string, NumberRow | ChoiceRow | SwitchRow>

/** The name of an option. */
export type OptionName = keyof typeof optionTable
/** The room an option belongs to. */
export type OptionGroup = (typeof optionTable)[OptionName]['group']

type ValueOf<Row> =
  Row extends ChoiceRow<infer Choice> ? Choice : Row extends SwitchRow ? boolean : number

/** All options with their values. Durations are milliseconds, sizes bytes. */
export type Options = { readonly [Name in OptionName]: ValueOf<(typeof optionTable)[Name]> }

type NamesOf<Group extends OptionGroup> = {
  [Name in OptionName]: (typeof optionTable)[Name]['group'] extends Group ? Name : never
}[OptionName]

/** The options of one group, or of a union of groups. */
export type OptionsOf<Group extends OptionGroup> = Pick<Options, NamesOf<Group>>

/** The names of all options, in the order of the table. */
export const optionNames = Object.keys(optionTable) as OptionName[]
