import { Readable } from 'node:stream'
import test from 'ava'
import type { LineFormat, MalformedLine, SourceLine } from '../../src/cli/line-source.js'
import { formatOf, readLines } from '../../src/cli/line-source.js'

async function read(
  chunks: readonly string[],
  format: LineFormat,
  lineBytesMax = 1000,
): Promise<string[]> {
  const lines: string[] = []
  const stream = Readable.from(chunks.map((chunk) => Buffer.from(chunk)))
  for await (const group of readLines(stream, format, lineBytesMax)) lines.push(...group.map(show))
  return lines
}

const show = (line: SourceLine | MalformedLine): string =>
  'malformed' in line
    ? `${line.lineNumber}! ${line.malformed}`
    : `${line.lineNumber} ${line.value.toString()}`

test('the file name suggests the format', (t) => {
  t.is(formatOf('a/b.ndjson'), 'ndjson')
  t.is(formatOf('b.JSONL'), 'ndjson')
  t.is(formatOf('c.csv'), 'csv')
  t.is(formatOf('d.log'), 'plain')
  t.is(formatOf('-'), 'plain')
})

test('plain lines keep every byte but the line end, blank ones too', async (t) => {
  t.deepEqual(await read(['a\r\n\nb b\nc'], 'plain'), ['1 a', '2 ', '3 b b', '4 c'])
})

test('a line may be cut anywhere between chunks', async (t) => {
  const text = '{"a":1}\n{"b":"é"}\n'
  const bytes = Buffer.from(text)
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const stream = Readable.from([bytes.subarray(0, cut), bytes.subarray(cut)])
    const lines: string[] = []
    for await (const group of readLines(stream, 'ndjson', 1000)) lines.push(...group.map(show))

    t.deepEqual(lines, ['1 {"a":1}', '2 {"b":"é"}'], `cut at ${cut}`)
  }
})

test('a malformed line of NDJSON is reported by its number and the next one is read', async (t) => {
  const [first, second, third] = await read(['{"a":1}\n{"a":\n\n{"a":3}\n'], 'ndjson')

  t.is(first, '1 {"a":1}')
  t.regex(second ?? '', /^2! not JSON: /)
  t.is(third, '4 {"a":3}')
})

test('a line of NDJSON that is not UTF-8 is malformed', async (t) => {
  const stream = Readable.from([Buffer.from([0x22, 0xff, 0x22, 0x0a])])
  const lines: string[] = []
  for await (const group of readLines(stream, 'ndjson', 1000)) lines.push(...group.map(show))

  t.deepEqual(lines, ['1! not JSON: not UTF-8'])
})

test('a line longer than the limit is reported without keeping it, and the next one is read', async (t) => {
  t.deepEqual(await read(['abcdef', 'ghijkl\nxy\n'], 'plain', 8), [
    '1! longer than 8 bytes',
    '2 xy',
  ])
})

test('a quoted CSV field may span lines and hold commas and doubled quotes', async (t) => {
  const text = 'a,b\n1,"x, ""y""\nz"\n2,w\n'

  t.deepEqual(await read([text], 'csv'), ['1 a,b', '2 1,"x, ""y""\nz"', '4 2,w'])
})

test('a CSV record with another number of fields is reported by its line number', async (t) => {
  t.deepEqual(await read(['a,b\n1\n2,3\n'], 'csv'), [
    '1 a,b',
    '2! 1 fields where the first line has 2',
    '3 2,3',
  ])
})

test('a quoted CSV field that never ends is reported where it began', async (t) => {
  t.deepEqual(await read(['a,b\n1,"x\ny\n'], 'csv'), ['1 a,b', '2! a quoted field is never closed'])
})

test('a quoted CSV field that never ends does not swallow more than the limit', async (t) => {
  t.deepEqual(await read(['a,b\n1,"x\nyyyyyyy\n2,3\n'], 'csv', 10), [
    '1 a,b',
    '2! longer than 10 bytes',
    '4 2,3',
  ])
})
