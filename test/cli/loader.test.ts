import { Readable } from 'node:stream'
import test from 'ava'
import { ClustorError } from '../../src/base/errors.js'
import type { LoadPlan, LoadSummary } from '../../src/cli/loader.js'
import { lineKey, loadLines } from '../../src/cli/loader.js'

/** A store that answers when it is told to. */
class ManualStore {
  readonly sent: string[] = []
  underWayMax = 0
  readonly #answers: (() => void)[] = []

  put(key: string): Promise<{ version: number }> {
    this.sent.push(key)
    const version = this.sent.length
    return new Promise((resolve) => {
      this.#answers.push(() => resolve({ version }))
      this.underWayMax = Math.max(this.underWayMax, this.#answers.length)
      setImmediate(() => this.#answers.shift()?.())
    })
  }
}

function load(lines: readonly string[], change: Partial<LoadPlan> = {}): Promise<LoadSummary> {
  const store = new ManualStore()
  return loadLines({
    stream: Readable.from([Buffer.from(lines.join('\n'))]),
    format: 'plain',
    lineBytesMax: 1000,
    prefix: 'p/',
    window: 4,
    fromLine: 1,
    put: (key) => store.put(key),
    onMalformed: () => undefined,
    signal: new AbortController().signal,
    ...change,
  })
}

const hundred = Array.from({ length: 100 }, (_, position) => `line ${position + 1}`)

test('keys sort like line numbers', (t) => {
  const keys = [1, 2, 10, 100, 99_999, 1_000_000].map((line) => lineKey('p/', line))

  t.deepEqual([...keys].sort(), keys)
})

test('every line is sent in order and never more than the window are under way', async (t) => {
  const store = new ManualStore()

  const summary = await load(hundred, { put: (key) => store.put(key) })

  t.is(summary.lines, 100)
  t.is(summary.nextLine, 101)
  t.deepEqual(
    store.sent,
    hundred.map((_, position) => lineKey('p/', position + 1)),
  )
  t.is(store.underWayMax, 4)
})

test('acknowledgements arrive in line order even when answers do not', async (t) => {
  const order: number[] = []
  let calls = 0

  await load(hundred.slice(0, 8), {
    window: 8,
    put: async () => {
      calls += 1
      const turns = 10 - calls
      for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
      return { version: calls }
    },
    onAcknowledged: ({ lineNumber }) => order.push(lineNumber),
  })

  t.deepEqual(order, [1, 2, 3, 4, 5, 6, 7, 8])
})

test('after a failed put nothing more is sent and the load continues at the failed line', async (t) => {
  const store = new ManualStore()
  const refusal = new ClustorError('ERR_DISK_FULL', 'full')

  const summary = await load(hundred, {
    put: (key) => (key === lineKey('p/', 10) ? Promise.reject(refusal) : store.put(key)),
  })

  t.is(summary.failure, refusal)
  t.is(summary.nextLine, 10)
  t.is(summary.lines, 9)
  t.true(store.sent.length < 20)
})

test('a malformed line that stops the load leaves the lines before it acknowledged', async (t) => {
  const summary = await load(['{}', '{}', '{', '{}'], {
    format: 'ndjson',
    onMalformed: ({ lineNumber }) => {
      throw new ClustorError('ERR_MALFORMED_LINE', `line ${lineNumber}`)
    },
  })

  t.is(summary.lines, 2)
  t.is(summary.nextLine, 3)
  t.is(summary.failure?.message, 'line 3')
})

test('a malformed line that is passed over counts and the rest is loaded', async (t) => {
  const summary = await load(['{}', '{', '{}'], { format: 'ndjson' })

  t.like(summary, { lines: 2, malformed: 1, nextLine: 4, failure: null })
})

test('lines before --from-line are not sent', async (t) => {
  const store = new ManualStore()

  await load(hundred, { fromLine: 99, put: (key) => store.put(key) })

  t.deepEqual(store.sent, [lineKey('p/', 99), lineKey('p/', 100)])
})

test('an interrupted load says where to go on', async (t) => {
  const stop = new AbortController()

  const summary = await load(hundred, {
    signal: stop.signal,
    onAcknowledged: ({ lineNumber }) => {
      if (lineNumber === 20) stop.abort()
    },
  })

  t.true(summary.interrupted)
  t.is(summary.nextLine, summary.lines + 1)
  t.true(summary.lines >= 20 && summary.lines < 100)
})
