import type { LogOptions } from '../../src/log.js'

/** What a child of the kill test is told. */
export interface ChildSettings {
  readonly directory: string
  readonly seed: number
  readonly appenders: number
  readonly log: LogOptions
  /** Encrypts the log with its keys. */
  readonly keysFile: string | null
}

/** The file descriptor through which the child reports pairs of f64: index, seed. */
export const reportPipe = 3

/** The payload of a seed: it begins with the seed, and every byte follows from it. */
export function payloadOf(seed: number): Buffer {
  const payload = Buffer.alloc(4 + (((seed * 2_654_435_761) >>> 0) % 1500), seed & 0xff)
  payload.writeUInt32LE(seed, 0)
  return payload
}

/** The seed of a payload that verifies, or null. */
export function seedOf(payload: Uint8Array): number | null {
  if (payload.byteLength < 4) return null
  const seed = Buffer.from(payload.buffer, payload.byteOffset, 4).readUInt32LE(0)
  return payloadOf(seed).equals(payload) ? seed : null
}
