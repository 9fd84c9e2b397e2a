/** The payload of the entries that clients cause, little-endian. docs/protocol.md, "Command envelope".
 *
 *  Entry kind `normal`, a proposal:
 *    0  version u8 = 1
 *    1  flags u8         bit 0: a session follows; other bits are 0
 *    2  session u64      \
 *    10 sequence u64      } only with bit 0
 *    18 acknowledged u64 /
 *    2 or 26  the user's payload, to the end
 *
 *  Entry kind `session`:
 *    0  version u8 = 1
 *    1  operation u8     1 open, 2 close
 *    open:   2 sessionsMax u32, 6 answersMax u32: the limits that the replicas apply
 *    close:  2 session u64
 */
import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'

/** Where a proposal stands in its session. */
export interface SessionStamp {
  /** The index of the entry that opened the session. */
  readonly session: LogIndex
  /** 1 for the session's first proposal, then one more each. */
  readonly sequence: number
  /** Every answer up to this sequence has reached the client and may be forgotten. */
  readonly acknowledgedSequence: number
}

export interface Command {
  readonly stamp: SessionStamp | null
  /** A view into the entry's bytes. */
  readonly payload: Uint8Array
}

/** Limits that travel in the entry, so that replicas with different configuration decide alike. */
export interface SessionLimits {
  /** Sessions of the partition; the least recently used one makes room. */
  readonly sessionsMax: number
  /** Answers kept for the session until its client acknowledges them. */
  readonly answersMax: number
}

export type SessionCommand =
  | { readonly kind: 'open-session'; readonly limits: SessionLimits }
  | { readonly kind: 'close-session'; readonly session: LogIndex }

const version = 1
const sessionFlag = 1
const plainHeaderBytes = 2
const sessionHeaderBytes = 26
const operations = { open: 1, close: 2 } as const

/** Bytes that the envelope adds at most to a user's payload. */
export const envelopeBytesMax = sessionHeaderBytes

export function encodeCommand(payload: Uint8Array, stamp: SessionStamp | null): Uint8Array {
  const headerBytes = stamp === null ? plainHeaderBytes : sessionHeaderBytes
  const bytes = Buffer.allocUnsafe(headerBytes + payload.length)
  bytes[0] = version
  bytes[1] = stamp === null ? 0 : sessionFlag
  if (stamp !== null) {
    writePosition(bytes, 2, stamp.session)
    writePosition(bytes, 10, stamp.sequence)
    writePosition(bytes, 18, stamp.acknowledgedSequence)
  }
  bytes.set(payload, headerBytes)
  return bytes
}

/** @throws ERR_FORMAT_NEWER for another version or unknown flags; ERR_LOG_CORRUPT for bytes that end too early. */
export function decodeCommand(bytes: Uint8Array): Command {
  assertVersion(bytes)
  const flags = bytes[1] ?? 0
  if (flags === 0) return { stamp: null, payload: bytes.subarray(plainHeaderBytes) }
  if (flags !== sessionFlag) throw newer('flags', flags)
  if (bytes.length < sessionHeaderBytes) throw tooShort(bytes.length)
  const stamp = {
    session: asIndex(readPosition(bytes, 2)),
    sequence: readPosition(bytes, 10),
    acknowledgedSequence: readPosition(bytes, 18),
  }
  return { stamp, payload: bytes.subarray(sessionHeaderBytes) }
}

export function encodeSessionCommand(command: SessionCommand): Uint8Array {
  const bytes = Buffer.alloc(10)
  bytes[0] = version
  if (command.kind === 'open-session') {
    bytes[1] = operations.open
    bytes.writeUInt32LE(command.limits.sessionsMax, 2)
    bytes.writeUInt32LE(command.limits.answersMax, 6)
  } else {
    bytes[1] = operations.close
    writePosition(bytes, 2, command.session)
  }
  return bytes
}

/** @throws ERR_FORMAT_NEWER for another version or operation; ERR_LOG_CORRUPT for bytes that end too early. */
export function decodeSessionCommand(bytes: Uint8Array): SessionCommand {
  assertVersion(bytes)
  const operation = bytes[1]
  if (operation !== operations.open && operation !== operations.close) {
    throw newer('operation', operation ?? 0)
  }
  if (bytes.length < 10) throw tooShort(bytes.length)
  if (operation === operations.close) {
    return { kind: 'close-session', session: asIndex(readPosition(bytes, 2)) }
  }
  const limits = { sessionsMax: readUint32(bytes, 2), answersMax: readUint32(bytes, 6) }
  return { kind: 'open-session', limits }
}

function assertVersion(bytes: Uint8Array): void {
  if (bytes.length < plainHeaderBytes) throw tooShort(bytes.length)
  if (bytes[0] !== version) throw newer('version', bytes[0] ?? 0)
}

// A new leader may run newer code: an entry that this code cannot read stops the replica, skipping it would diverge.
const newer = (what: string, value: number) =>
  new ClustorError('ERR_FORMAT_NEWER', `a committed command has ${what} ${value}, unknown here`)

const tooShort = (byteCount: number) =>
  new ClustorError('ERR_LOG_CORRUPT', `a committed command has only ${byteCount} bytes`)

// Positions are below 2^53 (architecture, "Numbers, not BigInt"): two 32-bit halves, no BigInt on the hot path.
function writePosition(bytes: Uint8Array, offset: number, value: number): void {
  writeUint32(bytes, offset, value >>> 0)
  writeUint32(bytes, offset + 4, Math.floor(value / 2 ** 32))
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value
  bytes[offset + 1] = value >>> 8
  bytes[offset + 2] = value >>> 16
  bytes[offset + 3] = value >>> 24
}

function readPosition(bytes: Uint8Array, offset: number): number {
  return readUint32(bytes, offset) + readUint32(bytes, offset + 4) * 2 ** 32
}

function readUint32(bytes: Uint8Array, offset: number): number {
  const low =
    (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8) | ((bytes[offset + 2] ?? 0) << 16)
  return low + (bytes[offset + 3] ?? 0) * 2 ** 24
}
