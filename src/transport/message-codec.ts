/** Raft messages by hand, fixed layout: docs/protocol.md §3. */
import { ClustorError } from '../base/errors.js'
import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { assertNever } from '../base/invariant.js'
import type { EntryRange } from '../raft/entry-range.js'
import {
  configurationBytes,
  decodeConfiguration,
  encodeConfiguration,
} from '../raft/membership-codec.js'
import type { Message, MessageKind } from '../raft/messages.js'
import type { FrameWriter } from './frame-writer.js'
import { describeType, frameTypes } from './frame-types.js'
import { assertBodyBytes, assertBodyBytesMin, readPosition, writePosition } from './integers.js'
import type { PeerMessage } from './transport.js'

/** Checks the frames of an append and says what they hold.
 *  @throws ERR_FRAME_CORRUPT. Source of truth: `ReplicaLog.decode`. */
export type DecodeFrames = (frames: Uint8Array) => EntryRange

/** Whose messages they are: known from the handshake, not repeated in each. */
export interface MessageRoute {
  readonly from: ReplicaId
  readonly to: ReplicaId
}

const rejectedFlag = 1
const leadershipTransferFlag = 2
const quiesceFlag = 4
const highRoundTripFlag = 8

const messageTypes = {
  'pre-vote': frameTypes.preVote,
  'pre-vote-response': frameTypes.preVoteResponse,
  'request-vote': frameTypes.requestVote,
  'request-vote-response': frameTypes.requestVoteResponse,
  'append-entries': frameTypes.appendEntries,
  'append-entries-response': frameTypes.appendEntriesResponse,
  heartbeat: frameTypes.heartbeat,
  'heartbeat-response': frameTypes.heartbeatResponse,
  'install-snapshot': frameTypes.installSnapshot,
  'timeout-now': frameTypes.timeoutNow,
  'read-index': frameTypes.readIndex,
  'read-index-response': frameTypes.readIndexResponse,
} as const satisfies Record<MessageKind, number>

/** Bytes of a body, without the frames of an append and the configuration of a snapshot. */
const headBytesOf = {
  'pre-vote': 28,
  'pre-vote-response': 28,
  'request-vote': 28,
  'request-vote-response': 28,
  'append-entries': 36,
  'append-entries-response': 36,
  heartbeat: 36,
  'heartbeat-response': 28,
  'install-snapshot': 28,
  'timeout-now': 12,
  'read-index': 20,
  'read-index-response': 28,
} as const satisfies Record<MessageKind, number>

/** Bytes of a message's body. */
export function messageBodyBytes({ message, frames }: PeerMessage): number {
  return headBytes(message) + (frames?.length ?? 0)
}

function headBytes(message: Message): number {
  const bytes = headBytesOf[message.kind]
  if (message.kind !== 'install-snapshot') return bytes
  return bytes + configurationBytes(message.snapshot.configuration)
}

/** Queues a message. Its frames are sent as they are, and not copied when they are large. */
export function writeMessage(
  writer: FrameWriter,
  channel: number,
  { message, frames }: PeerMessage,
): void {
  const offset = writer.begin(headBytes(message), messageBodyBytes({ message, frames }))
  const bytes = writer.buffer
  bytes[offset] = messageTypes[message.kind]
  bytes[offset + 1] = flagsOf(message)
  bytes.writeUInt16LE(channel, offset + 2)
  writePosition(bytes, offset + 4, message.term)
  writeFields(bytes, offset + 12, message)
  if (frames !== null) writer.block(frames)
}

function flagsOf(message: Message): number {
  let flags = 0
  if ('rejected' in message && message.rejected) flags |= rejectedFlag
  if ('quiesce' in message) flags |= quiesceFlag
  if ('highRoundTrip' in message) flags |= highRoundTripFlag
  if ('leadershipTransfer' in message) flags |= leadershipTransferFlag
  return flags
}

function writeFields(bytes: Buffer, offset: number, message: Message): void {
  switch (message.kind) {
    case 'pre-vote':
    case 'request-vote':
      writePosition(bytes, offset, message.lastIndex)
      writePosition(bytes, offset + 8, message.lastTerm)
      return
    case 'pre-vote-response':
    case 'request-vote-response':
      writePosition(bytes, offset, message.commitIndex)
      writePosition(bytes, offset + 8, message.commitTerm)
      return
    case 'timeout-now':
      return
    case 'append-entries':
      writePosition(bytes, offset, message.prevIndex)
      writePosition(bytes, offset + 8, message.prevTerm)
      writePosition(bytes, offset + 16, message.commitIndex)
      return
    case 'append-entries-response':
      writePosition(bytes, offset, message.index)
      writePosition(bytes, offset + 8, message.rejectHintIndex)
      writePosition(bytes, offset + 16, message.rejectHintTerm)
      return
    case 'heartbeat':
      writePosition(bytes, offset, message.commitIndex)
      writePosition(bytes, offset + 8, message.context)
      writePosition(bytes, offset + 16, message.sentTicks)
      return
    case 'heartbeat-response':
      writePosition(bytes, offset, message.context)
      writePosition(bytes, offset + 8, message.sentTicks)
      return
    case 'read-index':
      writePosition(bytes, offset, message.context)
      return
    case 'read-index-response':
      writePosition(bytes, offset, message.context)
      writePosition(bytes, offset + 8, message.index)
      return
    case 'install-snapshot':
      writePosition(bytes, offset, message.snapshot.index)
      writePosition(bytes, offset + 8, message.snapshot.term)
      bytes.set(encodeConfiguration(message.snapshot.configuration), offset + 16)
      return
    default:
      assertNever(message)
  }
}

/** Reads a body of type 0x10 to 0x1b. The frames of an append are verified and stay a view of the body.
 *  @throws ERR_PROTOCOL for an unknown type, a wrong length, an unknown flag, an integer of 2^53 or more, or frames that do not
 *  follow the message; and what decodeFrames throws. */
export function readMessage(
  body: Buffer,
  route: MessageRoute,
  decodeFrames: DecodeFrames,
): PeerMessage {
  switch (body[0]) {
    case frameTypes.preVote:
      return { message: readPreVote(body, route), frames: null }
    case frameTypes.preVoteResponse:
      return { message: readPreVoteResponse(body, route), frames: null }
    case frameTypes.requestVote:
      return { message: readRequestVote(body, route), frames: null }
    case frameTypes.requestVoteResponse:
      return { message: readRequestVoteResponse(body, route), frames: null }
    case frameTypes.appendEntries:
      return readAppend(body, route, decodeFrames)
    case frameTypes.appendEntriesResponse:
      return { message: readAppendResponse(body, route), frames: null }
    case frameTypes.heartbeat:
      return { message: readHeartbeat(body, route), frames: null }
    case frameTypes.heartbeatResponse:
      return { message: readHeartbeatResponse(body, route), frames: null }
    case frameTypes.installSnapshot:
      return { message: readSnapshot(body, route), frames: null }
    case frameTypes.timeoutNow:
      return { message: readTimeoutNow(body, route), frames: null }
    case frameTypes.readIndex:
      return { message: readReadIndex(body, route), frames: null }
    case frameTypes.readIndexResponse:
      return { message: readReadIndexResponse(body, route), frames: null }
    default:
      throw new ClustorError('ERR_PROTOCOL', `unknown type ${describeType(body[0] ?? 0)}`)
  }
}

function readPreVote(body: Buffer, { from, to }: MessageRoute): Message {
  assertBodyBytes(body, headBytesOf['pre-vote'])
  assertNoFlags(body)
  return { kind: 'pre-vote', from, to, ...readCandidate(body) }
}

function readRequestVote(body: Buffer, { from, to }: MessageRoute): Message {
  assertBodyBytes(body, headBytesOf['request-vote'])
  const message = { kind: 'request-vote', from, to, ...readCandidate(body) } as const
  if (body[1] === leadershipTransferFlag) return { ...message, leadershipTransfer: true }
  assertNoFlags(body)
  return message
}

const readCandidate = (body: Buffer) => ({
  term: readTerm(body, 4),
  lastIndex: readIndex(body, 12),
  lastTerm: readTerm(body, 20),
})

function readPreVoteResponse(body: Buffer, { from, to }: MessageRoute): Message {
  const kind = 'pre-vote-response'
  assertBodyBytes(body, headBytesOf[kind])
  const flags = readFlags(body, rejectedFlag | highRoundTripFlag)
  return { kind, from, to, ...readVote(body, flags), ...highRoundTripOf(flags) }
}

function readRequestVoteResponse(body: Buffer, { from, to }: MessageRoute): Message {
  const kind = 'request-vote-response'
  assertBodyBytes(body, headBytesOf[kind])
  return { kind, from, to, ...readVote(body, readFlags(body, rejectedFlag)) }
}

const readVote = (body: Buffer, flags: number) => ({
  term: readTerm(body, 4),
  rejected: (flags & rejectedFlag) !== 0,
  commitIndex: readIndex(body, 12),
  commitTerm: readTerm(body, 20),
})

const highRoundTripOf = (flags: number) =>
  (flags & highRoundTripFlag) === 0 ? {} : ({ highRoundTrip: true } as const)

function readAppend(
  body: Buffer,
  { from, to }: MessageRoute,
  decodeFrames: DecodeFrames,
): PeerMessage {
  const headBytes = headBytesOf['append-entries']
  assertBodyBytesMin(body, headBytes)
  assertNoFlags(body)
  const term = readTerm(body, 4)
  const prevIndex = readIndex(body, 12)
  const prevTerm = readTerm(body, 20)
  const commitIndex = readIndex(body, 28)
  const frames = body.length === headBytes ? null : body.subarray(headBytes)
  const entries = frames === null ? null : decodeFrames(frames)
  if (entries !== null) assertFollows(entries, prevIndex, term)
  return {
    message: {
      kind: 'append-entries',
      from,
      to,
      term,
      prevIndex,
      prevTerm,
      commitIndex,
      entries,
    },
    frames,
  }
}

function readAppendResponse(body: Buffer, { from, to }: MessageRoute): Message {
  assertBodyBytes(body, headBytesOf['append-entries-response'])
  return {
    kind: 'append-entries-response',
    from,
    to,
    term: readTerm(body, 4),
    index: readIndex(body, 12),
    rejected: readFlags(body, rejectedFlag) !== 0,
    rejectHintIndex: readIndex(body, 20),
    rejectHintTerm: readTerm(body, 28),
  }
}

function readHeartbeat(body: Buffer, { from, to }: MessageRoute): Message {
  assertBodyBytes(body, headBytesOf.heartbeat)
  const flags = readFlags(body, quiesceFlag | highRoundTripFlag)
  return {
    kind: 'heartbeat',
    from,
    to,
    term: readTerm(body, 4),
    commitIndex: readIndex(body, 12),
    context: readPosition(body, 20),
    sentTicks: readPosition(body, 28),
    ...((flags & quiesceFlag) === 0 ? {} : ({ quiesce: true } as const)),
    ...highRoundTripOf(flags),
  }
}

function readHeartbeatResponse(body: Buffer, { from, to }: MessageRoute): Message {
  const kind = 'heartbeat-response'
  assertBodyBytes(body, headBytesOf[kind])
  assertNoFlags(body)
  const context = readPosition(body, 12)
  return { kind, from, to, term: readTerm(body, 4), context, sentTicks: readPosition(body, 20) }
}

function readReadIndex(body: Buffer, { from, to }: MessageRoute): Message {
  const kind = 'read-index'
  assertBodyBytes(body, headBytesOf[kind])
  assertNoFlags(body)
  return { kind, from, to, term: readTerm(body, 4), context: readPosition(body, 12) }
}

function readReadIndexResponse(body: Buffer, { from, to }: MessageRoute): Message {
  const kind = 'read-index-response'
  assertBodyBytes(body, headBytesOf[kind])
  assertNoFlags(body)
  const context = readPosition(body, 12)
  return { kind, from, to, term: readTerm(body, 4), context, index: readIndex(body, 20) }
}

function readSnapshot(body: Buffer, { from, to }: MessageRoute): Message {
  const headBytes = headBytesOf['install-snapshot']
  assertBodyBytesMin(body, headBytes)
  assertNoFlags(body)
  const configuration = decodeConfiguration(body.subarray(headBytes))
  const snapshot = { index: readIndex(body, 12), term: readTerm(body, 20), configuration }
  return { kind: 'install-snapshot', from, to, term: readTerm(body, 4), snapshot }
}

function readTimeoutNow(body: Buffer, { from, to }: MessageRoute): Message {
  assertBodyBytes(body, headBytesOf['timeout-now'])
  assertNoFlags(body)
  return { kind: 'timeout-now', from, to, term: readTerm(body, 4) }
}

// Log matching needs more than intact frames: they must stand where the message says (Raft §5.3).
function assertFollows(entries: EntryRange, prevIndex: LogIndex, term: Term): void {
  const lastTerm = entries.runs.at(-1)?.term ?? 0
  if (entries.firstIndex === prevIndex + 1 && lastTerm <= term) return
  const { firstIndex } = entries
  const message = `frames from index ${firstIndex} to term ${lastTerm} do not follow index ${prevIndex} in term ${term}`
  throw new ClustorError('ERR_PROTOCOL', message, {
    fields: { firstIndex, prevIndex, lastTerm, term },
  })
}

/** @param known the flags that the type may have. */
function readFlags(body: Buffer, known: number): number {
  const flags = body[1] ?? 0
  if ((flags & ~known) !== 0) throw unknownFlags(body)
  return flags
}

function assertNoFlags(body: Buffer): void {
  readFlags(body, 0)
}

const unknownFlags = (body: Buffer): ClustorError =>
  new ClustorError(
    'ERR_PROTOCOL',
    `type ${describeType(body[0] ?? 0)} has unknown flags ${body[1] ?? 0}`,
  )

const readTerm = (body: Buffer, offset: number): Term => readPosition(body, offset) as Term
const readIndex = (body: Buffer, offset: number): LogIndex => readPosition(body, offset) as LogIndex
