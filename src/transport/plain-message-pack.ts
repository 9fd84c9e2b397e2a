import { ClustorError } from '../base/errors.js'

/** Deepest nesting of arrays and maps. */
const depthMax = 8

/** Checks bytes of a stranger before a decoder sees them: one value, plain types only, counts that the bytes can hold.
 *  A general decoder takes a count on trust (an array of 2^25 nulls is five bytes and 256 MiB) and runs extensions.
 *  @throws ERR_PROTOCOL */
export function assertPlainMessagePack(bytes: Buffer): void {
  const end = skipValue(bytes, 0, 0)
  if (end !== bytes.length) throw notPlain(end, 'bytes after the value')
}

/** @returns the offset behind the value that begins at `offset`. */
function skipValue(bytes: Buffer, offset: number, depth: number): number {
  const head = bytes[offset]
  if (head === undefined) throw notPlain(offset, 'the end')
  if (depth > depthMax) throw notPlain(offset, 'nesting')
  const next = offset + 1
  if (head <= 0x7f || head >= 0xe0) return next
  if (head <= 0x8f) return skipMap(bytes, next, head & 0x0f, depth)
  if (head <= 0x9f) return skipValues(bytes, next, head & 0x0f, depth)
  if (head <= 0xbf) return skipBytes(bytes, next, head & 0x1f)
  return skipLongValue(bytes, next, head, depth)
}

function skipLongValue(bytes: Buffer, offset: number, head: number, depth: number): number {
  const fixedBytes = fixedValueBytes[head]
  if (fixedBytes !== undefined) return skipBytes(bytes, offset, fixedBytes)
  const countBytes = countedHeads[head]
  if (countBytes === undefined) throw notPlain(offset - 1, 'an extension')
  const start = skipBytes(bytes, offset, countBytes)
  const count = bytes.readUIntBE(offset, countBytes)
  if (head >= 0xde) return skipMap(bytes, start, count, depth)
  if (head >= 0xdc) return skipValues(bytes, start, count, depth)
  return skipBytes(bytes, start, count)
}

function skipMap(bytes: Buffer, offset: number, count: number, depth: number): number {
  assertCount(bytes, offset, count * 2)
  let next = offset
  for (let entry = 0; entry < count; entry++) {
    if (!isString(bytes[next])) throw notPlain(next, 'a key that is no string')
    next = skipValue(bytes, skipValue(bytes, next, depth + 1), depth + 1)
  }
  return next
}

function skipValues(bytes: Buffer, offset: number, count: number, depth: number): number {
  assertCount(bytes, offset, count)
  let next = offset
  for (let entry = 0; entry < count; entry++) next = skipValue(bytes, next, depth + 1)
  return next
}

function skipBytes(bytes: Buffer, offset: number, count: number): number {
  assertCount(bytes, offset, count)
  return offset + count
}

// Every value takes a byte at least, so a count above what is left is a lie.
function assertCount(bytes: Buffer, offset: number, count: number): void {
  if (count > bytes.length - offset) throw notPlain(offset, 'a count')
}

const isString = (head: number | undefined): boolean =>
  head !== undefined && ((head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb))

/** nil, false, true, float 64, u8 to u64, i8 to i64, and the bytes that follow. */
const fixedValueBytes: Readonly<Record<number, number>> = {
  0xc0: 0,
  0xc2: 0,
  0xc3: 0,
  0xcb: 8,
  0xcc: 1,
  0xcd: 2,
  0xce: 4,
  0xcf: 8,
  0xd0: 1,
  0xd1: 2,
  0xd2: 4,
  0xd3: 8,
}

/** bin, str, array and map, and how wide their counts are. */
const countedHeads: Readonly<Record<number, number>> = {
  0xc4: 1,
  0xc5: 2,
  0xc6: 4,
  0xd9: 1,
  0xda: 2,
  0xdb: 4,
  0xdc: 2,
  0xdd: 4,
  0xde: 2,
  0xdf: 4,
}

const notPlain = (offset: number, what: string): ClustorError =>
  new ClustorError('ERR_PROTOCOL', `no plain MessagePack: ${what} at offset ${offset}`, {
    fields: { offset },
  })
