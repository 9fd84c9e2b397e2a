import type { Readable } from 'node:stream'
import { ClustorError } from '../base/errors.js'

/** How the lines of a file are checked. The stored bytes are always those of the file, without the line end. */
export type LineFormat = 'ndjson' | 'csv' | 'plain'

/** One record of a file: a line, or several when a quoted CSV field spans lines. */
export interface SourceLine {
  /** Line number in the file, from 1; of a longer record its first line. */
  readonly lineNumber: number
  readonly value: Buffer
}

/** A record that is not what the format wants. */
export interface MalformedLine {
  readonly lineNumber: number
  readonly malformed: string
}

/** The format that a file name suggests. */
export function formatOf(path: string): LineFormat {
  if (/\.(ndjson|jsonl|json)$/i.test(path)) return 'ndjson'
  return /\.csv$/i.test(path) ? 'csv' : 'plain'
}

/** Reads records in order, a chunk of records at a time; memory stays bounded by the chunk and `lineBytesMax`.
 *  Blank lines of NDJSON and CSV are no records but keep their number.
 *  @param lineBytesMax a longer record is reported as malformed and not kept in memory. */
export async function* readLines(
  stream: Readable,
  format: LineFormat,
  lineBytesMax: number,
): AsyncGenerator<(SourceLine | MalformedLine)[]> {
  const splitter = new LineSplitter(lineBytesMax)
  const checker = createChecker(format, lineBytesMax)
  for await (const chunk of stream) {
    yield splitter.push(chunk as Buffer).flatMap((line) => checker.check(line))
  }
  yield [...splitter.end().flatMap((line) => checker.check(line)), ...checker.end()]
}

type RawLine = SourceLine | MalformedLine

/** Cuts chunks at newlines. */
class LineSplitter {
  readonly #lineBytesMax: number
  #parts: Buffer[] = []
  #partBytes = 0
  #lineNumber = 1
  #tooLong = false

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  push(chunk: Buffer): RawLine[] {
    const lines: RawLine[] = []
    let start = 0
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      lines.push(this.#finish(chunk.subarray(start, end)))
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return lines
  }

  end(): RawLine[] {
    return this.#partBytes > 0 || this.#tooLong ? [this.#finish(Buffer.alloc(0))] : []
  }

  #finish(last: Buffer): RawLine {
    this.#keep(last)
    const lineNumber = this.#lineNumber
    const line: RawLine = this.#tooLong
      ? { lineNumber, malformed: `longer than ${this.#lineBytesMax} bytes` }
      : { lineNumber, value: withoutCarriageReturn(Buffer.concat(this.#parts, this.#partBytes)) }
    this.#parts = []
    this.#partBytes = 0
    this.#tooLong = false
    this.#lineNumber += 1
    return line
  }

  #keep(part: Buffer): void {
    if (this.#tooLong || part.length === 0) return
    if (this.#partBytes + part.length > this.#lineBytesMax) {
      this.#tooLong = true
      this.#parts = []
      this.#partBytes = 0
      return
    }
    this.#parts.push(part)
    this.#partBytes += part.length
  }
}

function withoutCarriageReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line
}

interface Checker {
  check(line: RawLine): RawLine[]
  end(): RawLine[]
}

function createChecker(format: LineFormat, recordBytesMax: number): Checker {
  switch (format) {
    case 'ndjson':
      return { check: checkJson, end: () => [] }
    case 'csv':
      return new CsvChecker(recordBytesMax)
    case 'plain':
      return { check: (line) => [line], end: () => [] }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function checkJson(line: RawLine): RawLine[] {
  if ('malformed' in line) return [line]
  try {
    const text = utf8.decode(line.value)
    if (text.trim() === '') return []
    JSON.parse(text)
    return [line]
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : 'not UTF-8'
    return [{ lineNumber: line.lineNumber, malformed: `not JSON: ${reason}` }]
  }
}

/** RFC 4180: every record has as many fields as the first one; a quoted field may span lines. */
class CsvChecker implements Checker {
  readonly #recordBytesMax: number
  #fieldsOfFirst = 0
  #parts: Buffer[] = []
  #partBytes = 0
  #lineNumber = 0
  #fields = 1
  #quoted = false

  constructor(recordBytesMax: number) {
    this.#recordBytesMax = recordBytesMax
  }

  check(line: RawLine): RawLine[] {
    if ('malformed' in line) return [line]
    if (this.#parts.length === 0) {
      if (line.value.length === 0) return []
      this.#lineNumber = line.lineNumber
    }
    this.#scan(line.value)
    if (this.#partBytes > this.#recordBytesMax) {
      return [this.#malformed(`longer than ${this.#recordBytesMax} bytes`)]
    }
    return this.#quoted ? [] : [this.#finish()]
  }

  end(): RawLine[] {
    return this.#quoted ? [this.#malformed('a quoted field is never closed')] : []
  }

  #scan(part: Buffer): void {
    const [quote, comma, lineFeed] = [34, 44, 10]
    // A doubled quote closes and reopens the field, so pairs need no look-ahead.
    for (const byte of part) {
      if (byte === quote) this.#quoted = !this.#quoted
      else if (byte === comma && !this.#quoted) this.#fields += 1
    }
    if (this.#parts.length > 0) this.#parts.push(Buffer.of(lineFeed))
    this.#parts.push(part)
    this.#partBytes += part.length + 1
  }

  #finish(): RawLine {
    const [lineNumber, fields] = [this.#lineNumber, this.#fields]
    const value = Buffer.concat(this.#parts)
    this.#reset()
    if (this.#fieldsOfFirst === 0) this.#fieldsOfFirst = fields
    if (fields === this.#fieldsOfFirst) return { lineNumber, value }
    const malformed = `${fields} fields where the first line has ${this.#fieldsOfFirst}`
    return { lineNumber, malformed }
  }

  #malformed(malformed: string): MalformedLine {
    const lineNumber = this.#lineNumber
    this.#reset()
    return { lineNumber, malformed }
  }

  #reset(): void {
    this.#parts = []
    this.#partBytes = 0
    this.#fields = 1
    this.#quoted = false
  }
}

/** The refusal of a malformed line. */
export function malformedLineError(path: string, line: MalformedLine): ClustorError {
  const { lineNumber, malformed } = line
  return new ClustorError('ERR_MALFORMED_LINE', `${path}:${lineNumber}: ${malformed}`, {
    fields: { path, lineNumber },
  })
}
