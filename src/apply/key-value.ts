import {
  decodeCommand,
  decodeQuery,
  encodeAnswer,
  encodeResult,
  scanBytesMax,
  scanRowsMax,
} from './key-value-codec.js'
import type {
  KeyRange,
  KeyValueAnswer,
  KeyValueCommand,
  KeyValueQuery,
  KeyValueResult,
  KeyValueRow,
} from './key-value-codec.js'
import { KeyOrder, lowerBound, prefixEnd } from './key-order.js'
import { assertNever } from '../base/invariant.js'
import type { CommittedBatch, StateMachine } from './state-machine.js'

/** Values up to this are kept as one-byte strings: they live on the JavaScript heap, where making one costs a seventh of
 *  making a Uint8Array, whose bytes are allocated and freed one by one. Larger ones are kept as they are. */
const stringBytesMax = 4096

interface Cell {
  /** A copy: the payload is a view into a whole batch, which would live as long. */
  readonly value: string | Uint8Array
  readonly version: number
}

/** The built-in state machine: UTF-8 keys, byte values, and for each value the index of the entry that wrote it last.
 *  Commands and queries are the bytes of key-value-codec.ts. Bytes that are no command get the outcome `refused`. */
export class KeyValueMachine implements StateMachine {
  readonly #cells = new Map<string, Cell>()
  readonly #order = new KeyOrder()

  /** How many keys there are. */
  get keyCount(): number {
    return this.#cells.size
  }

  apply(batch: CommittedBatch): readonly Uint8Array[] {
    return batch.map(({ index, payload }) => {
      const command = decodeCommand(payload)
      return encodeResult(command === null ? refused : this.#run(command, index))
    })
  }

  query(request: Uint8Array): Uint8Array {
    const query = decodeQuery(request)
    if (query !== null) return encodeAnswer(this.answer(query))
    return encodeAnswer({ kind: 'refused', reason: 'the bytes are no key-value query' })
  }

  /** Answers a query from the applied state. */
  answer(query: KeyValueQuery): KeyValueAnswer {
    switch (query.kind) {
      case 'get':
        return { kind: 'get', row: this.get(query.key) }
      case 'scan':
        return { kind: 'scan', ...this.scan(query.range, query.limit) }
      case 'count':
        return { kind: 'count', count: this.count(query.range) }
      default:
        return assertNever(query)
    }
  }

  /** One key, or null. */
  get(key: string): KeyValueRow | null {
    const cell = this.#cells.get(key)
    if (cell === undefined) return null
    const { value, version } = cell
    return { key, value: typeof value === 'string' ? Buffer.from(value, 'latin1') : value, version }
  }

  /** Keys of a range in ascending order, at most `limit` and scanRowsMax rows and scanBytesMax bytes, but at least one. */
  scan(range: KeyRange, limit: number): { rows: readonly KeyValueRow[]; more: boolean } {
    const { keys, start, end } = this.#bounds(range)
    const rows: KeyValueRow[] = []
    const rowsMax = Math.min(limit, scanRowsMax)
    let bytes = 0
    for (let position = start; position < end; position++) {
      const row = this.get(keys[position] ?? '')
      if (row === null) continue
      bytes += row.key.length + row.value.length
      if (rows.length >= rowsMax || (rows.length > 0 && bytes > scanBytesMax)) {
        return { rows, more: true }
      }
      rows.push(row)
    }
    return { rows, more: false }
  }

  /** How many keys a range holds. */
  count(range: KeyRange): number {
    const { start, end } = this.#bounds(range)
    return Math.max(0, end - start)
  }

  #bounds(range: KeyRange): { keys: readonly string[]; start: number; end: number } {
    const keys = this.#order.keys(this.#cells)
    let start = range.from === undefined ? 0 : lowerBound(keys, range.from)
    let end = range.to === undefined ? keys.length : lowerBound(keys, range.to)
    if (range.prefix !== undefined) {
      const after = prefixEnd(range.prefix)
      start = Math.max(start, lowerBound(keys, range.prefix))
      end = Math.min(end, after === null ? keys.length : lowerBound(keys, after))
    }
    return { keys, start, end }
  }

  #run(command: KeyValueCommand, index: number): KeyValueResult {
    const previousVersion = this.#cells.get(command.key)?.version ?? 0
    switch (command.kind) {
      case 'put':
        return this.#set(command.key, command.value, { index, previousVersion })
      case 'delete':
        return this.#delete(command.key, previousVersion)
      case 'compare-and-set':
        if (command.expectedVersion !== previousVersion) {
          return { outcome: 'version-differs', previousVersion, version: previousVersion }
        }
        if (command.value === null) return this.#delete(command.key, previousVersion)
        return this.#set(command.key, command.value, { index, previousVersion })
      default:
        return assertNever(command)
    }
  }

  #set(
    key: string,
    value: Uint8Array,
    { index, previousVersion }: { index: number; previousVersion: number },
  ): KeyValueResult {
    if (previousVersion === 0) this.#order.add(key)
    this.#cells.set(key, { value: copyOf(value), version: index })
    return { outcome: 'done', previousVersion, version: index }
  }

  #delete(key: string, previousVersion: number): KeyValueResult {
    if (this.#cells.delete(key)) this.#order.remove()
    return { outcome: 'done', previousVersion, version: 0 }
  }
}

function copyOf(value: Uint8Array): string | Uint8Array {
  if (value.length > stringBytesMax) return new Uint8Array(value)
  const bytes = Buffer.isBuffer(value)
    ? value
    : Buffer.from(value.buffer, value.byteOffset, value.length)
  return bytes.toString('latin1')
}

const refused: KeyValueResult = { outcome: 'refused', previousVersion: 0, version: 0 }
