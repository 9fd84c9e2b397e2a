/** The session table as bytes, for snapshots (dissertation §6.3). Equal tables give equal bytes on every replica. Little-endian:
 *    0  version u8 = 1
 *    1  sessions u32, then each, by rising id:
 *         session u64, answersMax u32, lastUsedIndex u64, lastSequence u64, answers u32, then each, by rising sequence:
 *           index u64, kind u8 (0 undefined, 1 bytes), and for bytes: length u32, bytes
 */
import { ClustorError } from '../base/errors.js'
import { asIndex } from '../base/ids.js'
import type { Answer, SessionRecord } from './sessions.js'

const version = 1
const tableHeadBytes = 5
const sessionHeadBytes = 32
const answerHeadBytes = 9
const resultKinds = { none: 0, bytes: 1 } as const

/** Encodes `SessionTable.records()`.
 *  @throws ERR_INVALID_ARGUMENT for a result that is neither undefined nor a Uint8Array: a machine returns bytes if its
 *  sessions are to be in snapshots. */
export function encodeSessions(records: readonly SessionRecord[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(records.reduce((sum, r) => sum + recordBytes(r), tableHeadBytes))
  bytes.writeUInt8(version, 0)
  bytes.writeUInt32LE(records.length, 1)
  let offset = tableHeadBytes
  for (const record of records) {
    writeSessionHead(bytes, offset, record)
    offset += sessionHeadBytes
    for (const answer of record.answers) offset = writeAnswer(bytes, offset, answer)
  }
  return bytes
}

/** Reads what encodeSessions wrote, for `SessionTable.restore`. Results are copies.
 *  @throws ERR_FORMAT_NEWER for another version; ERR_PROTOCOL for anything else that encodeSessions does not write. */
export function decodeSessions(bytes: Uint8Array): readonly SessionRecord[] {
  const reader = new Reader(bytes)
  const found = reader.uint(1)
  if (found !== version) {
    throw new ClustorError(
      'ERR_FORMAT_NEWER',
      `a session table of version ${found}; update clustor`,
    )
  }
  const count = reader.uint(4)
  const records: SessionRecord[] = []
  for (let at = 0; at < count; at++) records.push(readSession(reader, records.at(-1)))
  if (!reader.isAtEnd) throw malformed('bytes follow its end')
  return records
}

const recordBytes = ({ answers }: SessionRecord): number =>
  answers.reduce((sum, answer) => sum + answerBytes(answer), sessionHeadBytes)

const answerBytes = ({ result }: Readonly<Answer>): number =>
  answerHeadBytes + (result instanceof Uint8Array ? 4 + result.length : 0)

function writeSessionHead(bytes: Buffer, offset: number, record: SessionRecord): void {
  bytes.writeBigUInt64LE(BigInt(record.session), offset)
  bytes.writeUInt32LE(record.answersMax, offset + 8)
  bytes.writeBigUInt64LE(BigInt(record.lastUsedIndex), offset + 12)
  bytes.writeBigUInt64LE(BigInt(record.lastSequence), offset + 20)
  bytes.writeUInt32LE(record.answers.length, offset + 28)
}

function writeAnswer(bytes: Buffer, offset: number, { index, result }: Readonly<Answer>): number {
  bytes.writeBigUInt64LE(BigInt(index), offset)
  if (result === undefined) return bytes.writeUInt8(resultKinds.none, offset + 8)
  if (!(result instanceof Uint8Array)) {
    const message = `the result of the entry at index ${index} is no Uint8Array; return bytes from apply`
    throw new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { index } })
  }
  bytes.writeUInt8(resultKinds.bytes, offset + 8)
  bytes.writeUInt32LE(result.length, offset + answerHeadBytes)
  bytes.set(result, offset + answerHeadBytes + 4)
  return offset + answerHeadBytes + 4 + result.length
}

function readSession(reader: Reader, before: SessionRecord | undefined): SessionRecord {
  const session = asIndex(reader.uint64())
  const answersMax = reader.uint(4)
  const lastUsedIndex = asIndex(reader.uint64())
  const lastSequence = reader.uint64()
  const count = reader.uint(4)
  if (session <= (before?.session ?? 0)) throw malformed('its sessions are not in order')
  if (count > answersMax || count > lastSequence)
    throw malformed(`session ${session} has ${count} answers`)
  const answers: Answer[] = []
  for (let at = 0; at < count; at++) answers.push(readAnswer(reader))
  return { session, answersMax, lastUsedIndex, lastSequence, answers }
}

function readAnswer(reader: Reader): Answer {
  const index = asIndex(reader.uint64())
  const kind = reader.uint(1)
  if (kind === resultKinds.none) return { index, result: undefined }
  if (kind !== resultKinds.bytes) throw malformed(`a result of kind ${kind}`)
  return { index, result: reader.copy(reader.uint(4)) }
}

/** Reads forward, and never beyond the end, whatever a length says. */
class Reader {
  readonly #bytes: Buffer
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length
  }

  uint(width: 1 | 4): number {
    return this.#bytes.readUIntLE(this.#advance(width), width)
  }

  uint64(): number {
    const value = this.#bytes.readBigUInt64LE(this.#advance(8))
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed(`an integer of ${value}`)
    return Number(value)
  }

  copy(count: number): Uint8Array {
    const offset = this.#advance(count)
    return Uint8Array.from(this.#bytes.subarray(offset, offset + count))
  }

  #advance(count: number): number {
    const offset = this.#offset
    if (count > this.#bytes.length - offset) throw malformed('it ends early')
    this.#offset += count
    return offset
  }
}

const malformed = (what: string): ClustorError =>
  new ClustorError('ERR_PROTOCOL', `no session table: ${what}; take the snapshot again`)
