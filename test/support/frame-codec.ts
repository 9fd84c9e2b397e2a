import { ClustorError } from '../../src/base/errors.js'
import { asIndex, asTerm, type LogIndex, type Term } from '../../src/base/ids.js'
import type { EntryKind, EntryRun } from '../../src/raft/entry-range.js'
import { frameOverheadBytes, framePrefixBytes, joinRuns } from '../../src/wal/frames.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'
import { crc32c } from './crc32c.js'

const headerBytes = 12
const trailerBytes = 4

/** Frames payloads in JavaScript: the layout of docs/wal-format.md written down a second time. */
export function encodeFrames(
  term: Term,
  firstIndex: LogIndex,
  kind: EntryKind,
  payloads: readonly Uint8Array[],
): FrameBatch {
  const frames = payloads.map((payload, position) =>
    encodeFrame(term, firstIndex + position, kind, payload),
  )
  return {
    range: {
      firstIndex,
      lastIndex: asIndex(firstIndex + payloads.length - 1),
      runs: [{ term, kind, count: payloads.length }],
      byteLengths: Uint32Array.from(frames, (frame) => frame.byteLength),
    },
    bytes: Buffer.concat(frames),
  }
}

function encodeFrame(term: number, index: number, kind: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(payload.byteLength + frameOverheadBytes)
  frame.writeUInt8(1, 0)
  frame.writeUInt32LE(payload.byteLength + framePrefixBytes - headerBytes, 4)
  frame.writeUInt32LE(trailerBytes, 8)
  frame.writeBigUInt64LE(BigInt(term), 12)
  frame.writeBigUInt64LE(BigInt(index), 20)
  frame.writeUInt8(kind, 28)
  frame.set(payload, framePrefixBytes)
  const end = frame.byteLength - trailerBytes
  frame.writeUInt32LE(crc32c(frame.subarray(0, end)), end)
  return frame
}

/** Reads frames back and checks what a log must check.
 *  @throws ERR_FRAME_CORRUPT with the offset of the first bad frame. */
export function decodeFrames(bytes: Uint8Array): FrameBatch {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const byteLengths: number[] = []
  const runs: EntryRun[] = []
  let firstIndex = 0
  for (let offset = 0; offset < view.byteLength;) {
    const frame = frameAt(view, offset)
    const index = Number(frame.readBigUInt64LE(20))
    const term = asTerm(Number(frame.readBigUInt64LE(12)))
    if (byteLengths.length === 0) firstIndex = index
    if (index !== firstIndex + byteLengths.length) throw corrupt(offset, 'index')
    if (term < (runs.at(-1)?.term ?? 0)) throw corrupt(offset, 'term')
    runs.push({ term, kind: frame.readUInt8(28) as EntryKind, count: 1 })
    byteLengths.push(frame.byteLength)
    offset += frame.byteLength
  }
  if (byteLengths.length === 0) throw corrupt(0, 'empty')
  return {
    range: {
      firstIndex: asIndex(firstIndex),
      lastIndex: asIndex(firstIndex + byteLengths.length - 1),
      runs: joinRuns(runs),
      byteLengths: Uint32Array.from(byteLengths),
    },
    bytes,
  }
}

function frameAt(view: Buffer, offset: number): Buffer {
  if (view.byteLength - offset < frameOverheadBytes) throw corrupt(offset, 'truncated')
  const end = offset + headerBytes + view.readUInt32LE(offset + 4) + trailerBytes
  if (end > view.byteLength || end - offset < frameOverheadBytes) throw corrupt(offset, 'length')
  const frame = view.subarray(offset, end)
  const crcOffset = frame.byteLength - trailerBytes
  if (frame.readUInt32LE(crcOffset) !== crc32c(frame.subarray(0, crcOffset))) {
    throw corrupt(offset, 'checksum')
  }
  return frame
}

const corrupt = (offset: number, what: string): ClustorError =>
  new ClustorError('ERR_FRAME_CORRUPT', `frame at offset ${offset}: bad ${what}`, {
    fields: { offset },
  })
