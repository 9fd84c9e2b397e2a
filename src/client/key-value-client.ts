import {
  decodeAnswer,
  decodeResult,
  encodeCommand,
  encodeQuery,
  scanRowsMax,
} from '../apply/key-value-codec.js'
import type {
  KeyRange,
  KeyValueAnswer,
  KeyValueCommand,
  KeyValueQuery,
  KeyValueResult,
  KeyValueRow,
} from '../apply/key-value-codec.js'
import { ClustorError } from '../base/errors.js'
import type { QueryOptions } from './client.js'
import type { CallOptions } from './context.js'
import type { Proposed } from './proposal.js'

/** The two calls of a client that the key-value calls rest on. */
export interface PartitionCalls {
  /** The payload must not change until the promise is settled. */
  propose(payload: Uint8Array, options: CallOptions): Promise<Proposed>
  query(request: Uint8Array, options: QueryOptions): Promise<Uint8Array>
}

/** How far a scan goes. */
export interface ScanOptions extends QueryOptions {
  /** Most rows; default all. */
  readonly limit?: number | undefined
}

/** The built-in key-value machine of one partition. Keys are at most 1 KiB of UTF-8, values at most 1 MiB; a longer one is
 *  ERR_TOO_LARGE. A string as value stands for its UTF-8 bytes. Otherwise errors are those of Client.propose and
 *  Client.query. */
export class KeyValueClient {
  readonly #calls: PartitionCalls

  constructor(calls: PartitionCalls) {
    this.#calls = calls
  }

  /** Sets a key. */
  put(key: string, value: Uint8Array | string, options: CallOptions = {}): Promise<KeyValueResult> {
    return this.#change({ kind: 'put', key, value: bytesOf(value) }, options)
  }

  /** Removes a key; one that is not there is no error: previousVersion is 0 then. */
  delete(key: string, options: CallOptions = {}): Promise<KeyValueResult> {
    return this.#change({ kind: 'delete', key }, options)
  }

  /** Sets a key, or removes it with null, if it has the expected version (0: if it is not there). The result's outcome
   *  says whether it had. */
  compareAndSet(
    key: string,
    expectedVersion: number,
    value: Uint8Array | string | null,
    options: CallOptions = {},
  ): Promise<KeyValueResult> {
    const bytes = value === null ? null : bytesOf(value)
    return this.#change({ kind: 'compare-and-set', key, expectedVersion, value: bytes }, options)
  }

  /** A key with its value and version, or null. */
  async get(key: string, options: QueryOptions = {}): Promise<KeyValueRow | null> {
    const answer = await this.#ask({ kind: 'get', key }, options)
    if (answer.kind !== 'get') throw unexpected(answer)
    return answer.row
  }

  /** The rows of a range in the order of their keys. Asks page by page: each page is as consistent as asked for, the
   *  whole is not one point in time. */
  async *scan(range: KeyRange = {}, options: ScanOptions = {}): AsyncGenerator<KeyValueRow, void> {
    let left = options.limit ?? Infinity
    let rest = range
    while (left > 0) {
      const limit = Math.min(left, scanRowsMax)
      const answer = await this.#ask({ kind: 'scan', range: rest, limit }, options)
      if (answer.kind !== 'scan') throw unexpected(answer)
      yield* answer.rows
      const last = answer.rows.at(-1)
      if (!answer.more || last === undefined) return
      left -= answer.rows.length
      rest = { ...rest, from: `${last.key}\0` }
    }
  }

  /** How many keys a range holds. */
  async count(range: KeyRange = {}, options: QueryOptions = {}): Promise<number> {
    const answer = await this.#ask({ kind: 'count', range }, options)
    if (answer.kind !== 'count') throw unexpected(answer)
    return answer.count
  }

  async #change(command: KeyValueCommand, options: CallOptions): Promise<KeyValueResult> {
    const { result } = await this.#calls.propose(encodeCommand(command), options)
    return decodeResult(result)
  }

  async #ask(query: KeyValueQuery, options: QueryOptions): Promise<KeyValueAnswer> {
    return decodeAnswer(await this.#calls.query(encodeQuery(query), options))
  }
}

const bytesOf = (value: Uint8Array | string): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value) : value

function unexpected(answer: KeyValueAnswer): ClustorError {
  if (answer.kind === 'refused') {
    return new ClustorError('ERR_INVALID_ARGUMENT', `the node refused the query: ${answer.reason}`)
  }
  return new ClustorError('ERR_PROTOCOL', `the node answered another query: ${answer.kind}`)
}
