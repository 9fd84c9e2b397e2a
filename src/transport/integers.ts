import { ClustorError } from '../base/errors.js'

const twoTo32 = 2 ** 32
/** The upper 32 bits of 2^53 - 1. */
const upperHalfMax = 0x1fffff

/** Writes an integer below 2^53 as u64 LE. */
export function writePosition(bytes: Buffer, offset: number, value: number): void {
  bytes.writeUInt32LE(value >>> 0, offset)
  bytes.writeUInt32LE((value / twoTo32) >>> 0, offset + 4)
}

/** Reads a u64 LE. @throws ERR_PROTOCOL at 2^53 and above (architecture, "Numbers, not BigInt"). */
export function readPosition(bytes: Buffer, offset: number): number {
  const upperHalf = bytes.readUInt32LE(offset + 4)
  if (upperHalf > upperHalfMax) throw tooLarge(offset)
  return upperHalf * twoTo32 + bytes.readUInt32LE(offset)
}

const tooLarge = (offset: number): ClustorError =>
  new ClustorError('ERR_PROTOCOL', `the integer at offset ${offset} is 2^53 or more`, {
    fields: { offset },
  })

/** @throws ERR_PROTOCOL unless a body has exactly this many bytes. */
export function assertBodyBytes(body: Buffer, expectedBytes: number): void {
  if (body.length !== expectedBytes) throw wrongLength(body, `${expectedBytes}`)
}

/** @throws ERR_PROTOCOL when a body has fewer bytes. */
export function assertBodyBytesMin(body: Buffer, minBytes: number): void {
  if (body.length < minBytes) throw wrongLength(body, `at least ${minBytes}`)
}

const wrongLength = (body: Buffer, wanted: string): ClustorError =>
  new ClustorError(
    'ERR_PROTOCOL',
    `a body of type ${body[0] ?? 'none'} has ${body.length} bytes instead of ${wanted}`,
    { fields: { type: body[0], bodyBytes: body.length } },
  )
