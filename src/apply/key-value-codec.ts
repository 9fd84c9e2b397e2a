/** The bytes of the built-in key-value machine: commands, results, queries and answers, each one msgpack array whose first
 *  element says which. docs/protocol.md, "Key-value machine". Decoders check everything: these bytes come from clients. */
import { Packr } from 'msgpackr'

import { ClustorError } from '../base/errors.js'

/** Longest key, UTF-8 bytes. Part of the replicated rules: every replica must decide alike. */
export const keyBytesMax = 1024
/** Longest value, bytes. Part of the replicated rules. */
export const valueBytesMax = 1024 * 1024
/** Most rows of one scan answer; a longer scan continues after the last key it got. */
export const scanRowsMax = 10_000
/** A scan answer ends early at this many key and value bytes, so that it fits a wire frame. */
export const scanBytesMax = 2 * 1024 * 1024

/** Changes. A version is the log index of the last write of a key; 0 means that there is no such key. */
export type KeyValueCommand =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: string }
  | {
      readonly kind: 'compare-and-set'
      readonly key: string
      /** The version the key must have; 0: it must not exist. */
      readonly expectedVersion: number
      /** The value to set, or null to delete. */
      readonly value: Uint8Array | null
    }

/** What a command did. */
export interface KeyValueResult {
  /** `done`: it took effect. `version-differs`: compare-and-set found another version and changed nothing.
   *  `refused`: the bytes are no valid command (malformed or over a limit) and nothing changed. */
  readonly outcome: 'done' | 'version-differs' | 'refused'
  /** The key's version before the command; 0: it did not exist. */
  readonly previousVersion: number
  /** The key's version after the command; 0: it does not exist. */
  readonly version: number
}

/** A range of keys in ascending order (UTF-16 code units, as JavaScript compares strings): `prefix`, or from
 *  (inclusive, default the first) to (exclusive, default none). */
export interface KeyRange {
  readonly prefix?: string
  readonly from?: string
  readonly to?: string
}

export type KeyValueQuery =
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'scan'; readonly range: KeyRange; readonly limit: number }
  | { readonly kind: 'count'; readonly range: KeyRange }

export interface KeyValueRow {
  readonly key: string
  readonly value: Uint8Array
  readonly version: number
}

export type KeyValueAnswer =
  | { readonly kind: 'get'; readonly row: KeyValueRow | null }
  /** `more`: the limit cut the scan off; continue from the last key followed by U+0000. */
  | { readonly kind: 'scan'; readonly rows: readonly KeyValueRow[]; readonly more: boolean }
  | { readonly kind: 'count'; readonly count: number }
  | { readonly kind: 'refused'; readonly reason: string }

const tags = {
  put: 1,
  delete: 2,
  'compare-and-set': 3,
  get: 1,
  scan: 2,
  count: 3,
  refused: 0,
} as const
const outcomes = ['done', 'version-differs', 'refused'] as const
const packr = new Packr({ useRecords: false, moreTypes: false, variableMapSize: true })

/** @throws ERR_TOO_LARGE for a key over keyBytesMax or a value over valueBytesMax. */
export function encodeCommand(command: KeyValueCommand): Uint8Array {
  assertKey(command.key)
  switch (command.kind) {
    case 'put':
      assertValue(command.value)
      return packr.pack([tags.put, command.key, command.value])
    case 'delete':
      return packr.pack([tags.delete, command.key])
    case 'compare-and-set':
      if (command.value !== null) assertValue(command.value)
      return packr.pack([
        tags['compare-and-set'],
        command.key,
        command.expectedVersion,
        command.value,
      ])
  }
}

/** @returns null when the bytes are no valid command: a machine must answer that, not throw. */
export function decodeCommand(bytes: Uint8Array): KeyValueCommand | null {
  const [tag, key, third, fourth] = unpackArray(bytes)
  if (!isKey(key)) return null
  switch (tag) {
    case tags.put:
      return isValue(third) ? { kind: 'put', key, value: third } : null
    case tags.delete:
      return { kind: 'delete', key }
    case tags['compare-and-set']:
      if (!isPosition(third) || !(fourth === null || isValue(fourth))) return null
      return { kind: 'compare-and-set', key, expectedVersion: third, value: fourth }
    default:
      return null
  }
}

export function encodeResult(result: KeyValueResult): Uint8Array {
  return packr.pack([outcomes.indexOf(result.outcome), result.previousVersion, result.version])
}

/** @throws ERR_PROTOCOL when the bytes are no result. */
export function decodeResult(bytes: Uint8Array): KeyValueResult {
  const [tag, previousVersion, version] = unpackArray(bytes)
  const outcome = typeof tag === 'number' ? outcomes[tag] : undefined
  if (outcome === undefined || !isPosition(previousVersion) || !isPosition(version)) {
    throw new ClustorError('ERR_PROTOCOL', 'the bytes are no key-value result')
  }
  return { outcome, previousVersion, version }
}

/** @throws ERR_TOO_LARGE for a key over keyBytesMax. */
export function encodeQuery(query: KeyValueQuery): Uint8Array {
  switch (query.kind) {
    case 'get':
      assertKey(query.key)
      return packr.pack([tags.get, query.key])
    case 'scan':
      return packr.pack([tags.scan, ...rangeFields(query.range), query.limit])
    case 'count':
      return packr.pack([tags.count, ...rangeFields(query.range)])
  }
}

/** @returns null when the bytes are no valid query. */
export function decodeQuery(bytes: Uint8Array): KeyValueQuery | null {
  const [tag, second, third, fourth, fifth] = unpackArray(bytes)
  if (tag === tags.get) return isKey(second) ? { kind: 'get', key: second } : null
  const range = decodeRange(second, third, fourth)
  if (range === null) return null
  if (tag === tags.count) return { kind: 'count', range }
  return tag === tags.scan && isPosition(fifth) ? { kind: 'scan', range, limit: fifth } : null
}

export function encodeAnswer(answer: KeyValueAnswer): Uint8Array {
  switch (answer.kind) {
    case 'get':
      return packr.pack([tags.get, answer.row === null ? null : rowFields(answer.row)])
    case 'scan':
      return packr.pack([tags.scan, answer.rows.map(rowFields), answer.more])
    case 'count':
      return packr.pack([tags.count, answer.count])
    case 'refused':
      return packr.pack([tags.refused, answer.reason])
  }
}

/** @throws ERR_PROTOCOL when the bytes are no answer. */
export function decodeAnswer(bytes: Uint8Array): KeyValueAnswer {
  const [tag, second, third] = unpackArray(bytes)
  if (tag === tags.refused && typeof second === 'string') return { kind: 'refused', reason: second }
  if (tag === tags.count && isPosition(second)) return { kind: 'count', count: second }
  if (tag === tags.get) return { kind: 'get', row: second === null ? null : decodeRow(second) }
  if (tag === tags.scan && Array.isArray(second)) {
    return { kind: 'scan', rows: second.map(decodeRow), more: third === true }
  }
  throw notAnAnswer()
}

function rowFields(row: KeyValueRow): readonly unknown[] {
  return [row.key, row.value, row.version]
}

function decodeRow(fields: unknown): KeyValueRow {
  if (!Array.isArray(fields)) throw notAnAnswer()
  const [key, value, version] = fields as unknown[]
  if (!isKey(key) || !isValue(value) || !isPosition(version)) throw notAnAnswer()
  return { key, value, version }
}

const notAnAnswer = () => new ClustorError('ERR_PROTOCOL', 'the bytes are no key-value answer')

function rangeFields(range: KeyRange): readonly unknown[] {
  return [range.prefix ?? null, range.from ?? null, range.to ?? null]
}

function decodeRange(prefix: unknown, from: unknown, to: unknown): KeyRange | null {
  const range: { prefix?: string; from?: string; to?: string } = {}
  if (typeof prefix === 'string') range.prefix = prefix
  else if (prefix !== null) return null
  if (typeof from === 'string') range.from = from
  else if (from !== null) return null
  if (typeof to === 'string') range.to = to
  else if (to !== null) return null
  return range
}

function unpackArray(bytes: Uint8Array): readonly unknown[] {
  try {
    const value: unknown = packr.unpack(bytes)
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

const isPosition = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

// A string of n UTF-16 units has between n and 3n UTF-8 bytes: most keys are decided without encoding them.
const isKey = (value: unknown): value is string =>
  typeof value === 'string' &&
  (value.length * 3 <= keyBytesMax || Buffer.byteLength(value) <= keyBytesMax)

const isValue = (value: unknown): value is Uint8Array =>
  value instanceof Uint8Array && value.length <= valueBytesMax

function assertKey(key: string): void {
  const valid: boolean = isKey(key)
  if (valid) return
  throw new ClustorError('ERR_TOO_LARGE', `a key has at most ${keyBytesMax} UTF-8 bytes`, {
    fields: { limitBytes: keyBytesMax, keyBytes: Buffer.byteLength(key) },
  })
}

function assertValue(value: Uint8Array): void {
  if (value.length <= valueBytesMax) return
  throw new ClustorError(
    'ERR_TOO_LARGE',
    `the value has ${value.length} bytes, at most ${valueBytesMax} are allowed`,
    { fields: { limitBytes: valueBytesMax, valueBytes: value.length } },
  )
}
