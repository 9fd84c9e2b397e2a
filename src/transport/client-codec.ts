/** Requests of clients and their answers: docs/protocol.md §4. */
import type { LogIndex, Term } from '../base/ids.js'
import type { Consistency, RequestStamp, SubscriptionEntry } from './client-service.js'
import { encodeError, encodePlain } from './control-codec.js'
import type { FrameWriter } from './frame-writer.js'
import { frameHeadBytes, frameTypes } from './frame-types.js'
import { assertBodyBytes, assertBodyBytesMin, readPosition, writePosition } from './integers.js'

/** Type, flags, channel and request id. */
export const requestHeadBytes = 8
const stampBytes = 24
/** What a proposal adds to its payload at most. */
export const proposalHeadBytesMax = requestHeadBytes + stampBytes
/** What an answer adds to its payload. */
export const answerHeadBytes = 16
const entryHeadBytes = 24
const sessionFlag = 1
const localFlag = 1
/** What an entry takes off a subscription's credit besides its payload. */
export const entryCreditBytes = entryHeadBytes

/** Names a request on its connection. */
export interface RequestTag {
  readonly channel: number
  readonly request: number
}

function beginRequest(
  writer: FrameWriter,
  { type, flags, tag }: { type: number; flags: number; tag: RequestTag },
  headBytes: number,
  blockBytes = 0,
): number {
  const offset = writer.begin(headBytes, headBytes + blockBytes)
  const bytes = writer.buffer
  bytes[offset] = type
  bytes[offset + 1] = flags
  bytes.writeUInt16LE(tag.channel, offset + 2)
  bytes.writeUInt32LE(tag.request, offset + 4)
  return offset + requestHeadBytes
}

export function writeOpenChannel(writer: FrameWriter, channel: number, partition: string): void {
  const map = encodePlain({ name: partition })
  const offset = writer.begin(frameHeadBytes, frameHeadBytes + map.length)
  writer.buffer.writeUInt16LE(frameTypes.openChannel, offset)
  writer.buffer.writeUInt16LE(channel, offset + 2)
  writer.block(map)
}

/** The payload must not change until it is sent. */
export function writePropose(
  writer: FrameWriter,
  tag: RequestTag,
  stamp: RequestStamp | null,
  payload: Uint8Array,
): void {
  const type = frameTypes.propose
  if (stamp === null) {
    beginRequest(writer, { type, flags: 0, tag }, requestHeadBytes, payload.length)
  } else {
    const head = { type, flags: sessionFlag, tag }
    const offset = beginRequest(writer, head, proposalHeadBytesMax, payload.length)
    writePosition(writer.buffer, offset, stamp.session)
    writePosition(writer.buffer, offset + 8, stamp.sequence)
    writePosition(writer.buffer, offset + 16, stamp.acknowledgedSequence)
  }
  writer.block(payload)
}

export function writeQuery(
  writer: FrameWriter,
  tag: RequestTag,
  consistency: Consistency,
  request: Uint8Array,
): void {
  const flags = consistency === 'local' ? localFlag : 0
  const type = frameTypes.query
  beginRequest(writer, { type, flags, tag }, requestHeadBytes, request.length)
  writer.block(request)
}

export function writeOpenSession(writer: FrameWriter, tag: RequestTag): void {
  beginRequest(writer, { type: frameTypes.openSession, flags: 0, tag }, requestHeadBytes)
}

export function writeSubscribe(
  writer: FrameWriter,
  tag: RequestTag,
  { fromIndex, creditBytes }: { fromIndex: LogIndex; creditBytes: number },
): void {
  const head = { type: frameTypes.subscribe, flags: 0, tag }
  const offset = beginRequest(writer, head, requestHeadBytes + 12)
  writePosition(writer.buffer, offset, fromIndex)
  writer.buffer.writeUInt32LE(creditBytes, offset + 8)
}

export function writeCredit(writer: FrameWriter, tag: RequestTag, creditBytes: number): void {
  const head = { type: frameTypes.credit, flags: 0, tag }
  const offset = beginRequest(writer, head, requestHeadBytes + 4)
  writer.buffer.writeUInt32LE(creditBytes, offset)
}

export function writeCancel(writer: FrameWriter, tag: RequestTag): void {
  beginRequest(writer, { type: frameTypes.cancel, flags: 0, tag }, requestHeadBytes)
}

/** Asks for the status of the node, or of the channel's partition. */
export function writeStatus(writer: FrameWriter, tag: RequestTag, of: 'node' | 'partition'): void {
  const flags = of === 'node' ? 1 : 0
  beginRequest(writer, { type: frameTypes.status, flags, tag }, requestHeadBytes)
}

/** What every request and every answer names. @throws ERR_PROTOCOL for a body that is too short for it. */
export function readTag(body: Buffer): RequestTag {
  assertBodyBytesMin(body, requestHeadBytes)
  return { channel: body.readUInt16LE(2), request: body.readUInt32LE(4) }
}

/** @throws ERR_PROTOCOL */
export function readPropose(body: Buffer): { stamp: RequestStamp | null; payload: Buffer } {
  if (body[1] !== sessionFlag) return { stamp: null, payload: body.subarray(requestHeadBytes) }
  assertBodyBytesMin(body, proposalHeadBytesMax)
  const stamp = {
    session: readPosition(body, 8) as LogIndex,
    sequence: readPosition(body, 16),
    acknowledgedSequence: readPosition(body, 24),
  }
  return { stamp, payload: body.subarray(proposalHeadBytesMax) }
}

export function readQuery(body: Buffer): { consistency: Consistency; request: Buffer } {
  const consistency = body[1] === localFlag ? 'local' : 'linearizable'
  return { consistency, request: body.subarray(requestHeadBytes) }
}

/** @throws ERR_PROTOCOL */
export function readSubscribe(body: Buffer): { fromIndex: LogIndex; creditBytes: number } {
  assertBodyBytes(body, requestHeadBytes + 12)
  return { fromIndex: readPosition(body, 8) as LogIndex, creditBytes: body.readUInt32LE(16) }
}

/** @throws ERR_PROTOCOL */
export function readCredit(body: Buffer): number {
  assertBodyBytes(body, requestHeadBytes + 4)
  return body.readUInt32LE(requestHeadBytes)
}

/** Whether a status request asks about the node, not about a partition. */
export const asksNodeStatus = (body: Buffer): boolean => body[1] === 1

function beginAnswer(
  writer: FrameWriter,
  { type, request }: { type: number; request: number },
  headBytes: number,
  blockBytes: number,
): number {
  const offset = writer.begin(headBytes, headBytes + blockBytes)
  const bytes = writer.buffer
  bytes.writeUInt32LE(type, offset)
  bytes.writeUInt32LE(request, offset + 4)
  return offset + requestHeadBytes
}

export function writeAnswer(
  writer: FrameWriter,
  request: number,
  index: LogIndex,
  payload: Uint8Array,
): void {
  const head = { type: frameTypes.answer, request }
  const offset = beginAnswer(writer, head, answerHeadBytes, payload.length)
  writePosition(writer.buffer, offset, index)
  writer.block(payload)
}

export function writeError(writer: FrameWriter, request: number, error: unknown): void {
  const map = encodeError(error)
  beginAnswer(writer, { type: frameTypes.error, request }, requestHeadBytes, map.length)
  writer.block(map)
}

export function writeEntry(
  writer: FrameWriter,
  request: number,
  { index, term, payload }: SubscriptionEntry,
): void {
  const head = { type: frameTypes.entry, request }
  const offset = beginAnswer(writer, head, entryHeadBytes, payload.length)
  writePosition(writer.buffer, offset, index)
  writePosition(writer.buffer, offset + 8, term)
  writer.block(payload)
}

/** @throws ERR_PROTOCOL */
export function readAnswer(body: Buffer): { index: LogIndex; payload: Buffer } {
  assertBodyBytesMin(body, answerHeadBytes)
  return {
    index: readPosition(body, requestHeadBytes) as LogIndex,
    payload: body.subarray(answerHeadBytes),
  }
}

/** @throws ERR_PROTOCOL */
export function readEntry(body: Buffer): SubscriptionEntry {
  assertBodyBytesMin(body, entryHeadBytes)
  return {
    index: readPosition(body, 8) as LogIndex,
    term: readPosition(body, 16) as Term,
    payload: body.subarray(entryHeadBytes),
  }
}
