import { Packr } from 'msgpackr'

import { ClustorError, errorCodes } from '../base/errors.js'
import type { ErrorCode, Outcome } from '../base/errors.js'
import { controlBytesMax, describeType } from './frame-types.js'
import { assertPlainMessagePack } from './plain-message-pack.js'

/** A decoded control map: what it holds is checked by whoever reads it. */
export type ControlMap = Readonly<Record<string, unknown>>

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** MessagePack of plain data. */
export const encodePlain = (value: unknown): Buffer => packr.pack(value)

/** Reads MessagePack from another process: plain types only, at most controlBytesMax bytes unless told otherwise.
 *  @throws ERR_PROTOCOL when it is anything else; ERR_FRAME_TOO_LARGE when it is longer. */
export function decodePlain(bytes: Buffer, bytesMax = controlBytesMax): unknown {
  if (bytes.length > bytesMax) {
    const message = `a control body of ${bytes.length} bytes exceeds the limit of ${bytesMax}`
    throw new ClustorError('ERR_FRAME_TOO_LARGE', message, {
      fields: { bodyBytes: bytes.length, limitBytes: bytesMax },
    })
  }
  assertPlainMessagePack(bytes)
  return packr.unpack(bytes)
}

/** The control map of a body, which begins behind `headBytes` bytes. @throws as decodePlain, and when it is no map. */
export function decodeControl(body: Buffer, headBytes: number): ControlMap {
  const value = decodePlain(body.subarray(headBytes))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ClustorError('ERR_PROTOCOL', `type ${describeType(body[0] ?? 0)} holds no map`)
  }
  return value as ControlMap
}

/** A key of a map that must be a string of at most 255 bytes, as names are. @throws ERR_PROTOCOL */
export function readText(map: ControlMap, key: string): string {
  const value = map[key]
  if (typeof value !== 'string' || value.length > 255) throw badKey(key, 'a short string')
  return value
}

/** A key of a map that must be an integer from 0 to 2^53 - 1. @throws ERR_PROTOCOL */
export function readInteger(map: ControlMap, key: string): number {
  const value = map[key]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw badKey(key, 'an integer below 2^53')
  }
  return value
}

const badKey = (key: string, wanted: string): ClustorError =>
  new ClustorError('ERR_PROTOCOL', `key ${key} of a control map is not ${wanted}`, {
    fields: { key },
  })

/** An error as a control map: docs/protocol.md §5. Anything but a ClustorError becomes ERR_INTERNAL. */
export function encodeError(error: unknown): Buffer {
  const known = asClustorError(error)
  const { code, retryable, outcome } = known
  // A sentence for people needs no more, and an error must fit a control body whatever is in it.
  const message = known.message.slice(0, 1024)
  return encodePlain({ code, message, retryable, outcome, fields: plainFields(known.fields) })
}

/** Reads what encodeError wrote, from a body with `headBytes` bytes before it.
 *  A code that is not known here becomes ERR_INTERNAL with the field `remoteCode`. @throws ERR_PROTOCOL */
export function decodeError(body: Buffer, headBytes: number): ClustorError {
  const map = decodeControl(body, headBytes)
  const code = map['code']
  const message = map['message']
  if (typeof code !== 'string' || typeof message !== 'string') throw badKey('code', 'an error')
  const outcome: Outcome = map['outcome'] === 'not-applied' ? 'not-applied' : 'unknown'
  const fields = plainFields(map['fields'])
  if (isErrorCode(code)) return new ClustorError(code, message, { outcome, fields })
  return new ClustorError('ERR_INTERNAL', message, {
    outcome,
    fields: { ...fields, remoteCode: code },
  })
}

/** An error as it is if it is one of ours, else as ERR_INTERNAL with the original as its cause. */
export function asClustorError(error: unknown): ClustorError {
  if (error instanceof ClustorError) return error
  const message = error instanceof Error ? error.message : String(error)
  return new ClustorError('ERR_INTERNAL', message, { outcome: 'unknown', cause: error })
}

const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code)

function plainFields(fields: unknown): Record<string, unknown> {
  if (typeof fields !== 'object' || fields === null) return {}
  const kept = Object.entries(fields).filter(([, value]) => isPlainScalar(value))
  return Object.fromEntries(kept.slice(0, 32))
}

const isPlainScalar = (value: unknown): boolean =>
  typeof value === 'number' ||
  typeof value === 'boolean' ||
  (typeof value === 'string' && value.length <= 1024)
