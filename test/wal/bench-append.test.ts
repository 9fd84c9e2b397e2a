import { readdirSync } from 'node:fs'
import test from 'ava'
import { formatAppendReport } from '../../bench/append/format.js'
import { formatAppendPage } from '../../bench/append/html.js'
import { latencyShares, sharesOf } from '../../bench/append/closed-loop.js'
import { GroupCommit } from '../../bench/append/group-commit.js'
import { ratiosOf, rowsOf, type AppendSample } from '../../bench/append/rows.js'
import { benchAppend, type AppendReport } from '../../bench/append/run.js'
import { subjectsOf, type AppendMatrix } from '../../bench/append/settings.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const matrix: AppendMatrix = {
  payloads: [256],
  concurrencies: [1],
  batches: [1],
  ledgers: ['ordered'],
  durabilities: ['strict'],
  aead: [false],
  trailers: [false],
  logs: [1],
  against: [],
}
const quiet = { onProgress: () => undefined, signal: new AbortController().signal }
const load = { payloadBytes: 256, concurrency: 1, batch: 1 }
const clustor: AppendSample['subject'] = {
  name: 'clustor',
  options: {
    ledger: 'ordered',
    durability: 'strict',
    aead: true,
    trailers: false,
    logs: 1,
    blocking: false,
  },
}

function sample(
  subject: AppendSample['subject'],
  round: number,
  us: number,
  syncsPerSecond: number | null = null,
): AppendSample {
  const figures = {
    appendsPerSecond: 1e6 / us,
    latenciesUs: latencyShares.map(() => us),
    mainThreadCpuUsPerAppend: 1,
    cpuUsPerAppend: 2,
    syncsPerSecond,
  }
  return { subject, load, round, figures }
}

test('a row holds the medians over the rounds, and null for what a system does not have', (t) => {
  const rows = rowsOf([
    sample(clustor, 0, 100, 10),
    sample({ name: 'raw-ordered' }, 0, 90, 20),
    sample(clustor, 1, 300, null),
    sample({ name: 'raw-ordered' }, 1, 110, 40),
    sample(clustor, 2, 200, 30),
  ])

  t.is(rows.length, 2)
  t.like(rows[0], { name: 'clustor', ledger: 'ordered', durability: 'strict', aead: true })
  t.like(rows[0], { p50Us: 200, p99Us: 200, appendsPerSecond: 5000, syncsPerSecond: null })
  t.like(rows[1], { name: 'raw-ordered', ledger: null, durability: null, aead: null, logs: null })
  t.like(rows[1], { p50Us: 100, syncsPerSecond: 30, ...load })
})

test('a ratio is the median of the pairs of a round, to the raw loop with the same syncs', (t) => {
  const ratios = ratiosOf([
    sample({ name: 'raw-single' }, 0, 50),
    sample({ name: 'raw-ordered' }, 0, 100),
    sample(clustor, 0, 110),
    sample({ name: 'js-group-commit' }, 0, 220),
    sample({ name: 'raw-ordered' }, 1, 1000),
    sample(clustor, 1, 1300),
    sample({ name: 'js-group-commit' }, 1, 1300),
    sample({ name: 'raw-ordered' }, 2, 10),
    sample(clustor, 2, 12),
    sample({ name: 'js-group-commit' }, 2, 36),
  ])

  t.deepEqual(
    ratios.map(({ against, figure, ratio }) => [against, figure, +ratio.toFixed(3)]),
    [
      ['raw-ordered', 'p50Us', 1.2],
      ['js-group-commit', 'appendsPerSecond', 2],
    ],
  )
  t.is(ratios[0]?.settings, 'ordered strict, aead')
})

test('shares of a distribution are values of it', (t) => {
  const sorted = Array.from({ length: 1000 }, (_, position) => position)
  t.deepEqual(sharesOf(sorted), [10, 50, 100, 250, 500, 750, 900, 950, 990, 995, 999])
  t.deepEqual(
    sharesOf([]),
    latencyShares.map(() => 0),
  )
})

test('the systems of a matrix are every setting of clustor, then the yardsticks', (t) => {
  const crossed: AppendMatrix = {
    ...matrix,
    ledgers: ['ordered', 'inline'],
    durabilities: ['strict', 'group'],
    aead: [false, true],
    against: ['fs-promises'],
  }
  const subjects = subjectsOf(crossed, { ...load, concurrency: 2 })
  t.is(subjects.filter(({ name }) => name === 'clustor').length, 8)
  t.deepEqual(
    subjects.slice(8).map(({ name }) => name),
    ['js-group-commit', 'fs-promises'],
  )
  const alone = subjectsOf(crossed, load).filter(({ name }) => name === 'clustor')
  t.is(alone.length, 16, 'a single appender also blocks')
})

test('a group commit takes what waits, in order, and only its own group hears of a failure', async (t) => {
  const groups: number[] = []
  const group = new GroupCommit(async (payloads) => {
    groups.push(payloads.length)
    await Promise.resolve()
    if (groups.length === 1) throw new Error('disk')
  })
  const payload = new Uint8Array(1)
  const first = Promise.allSettled([group.append([payload]), group.append([payload, payload])])
  const settled = await first
  t.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  await group.append([payload])
  t.deepEqual(groups, [3, 1])
})

test('bench append gives rows of every system, and nothing of it stays', async (t) => {
  const directory = temporaryDirectory(t)

  const report = await benchAppend({
    directory,
    matrix: {
      ...matrix,
      concurrencies: [1, 4],
      batches: [2],
      trailers: [true],
      logs: [2],
      against: ['fs-promises'],
    },
    rounds: 1,
    seconds: 0.1,
    peerCache: directory,
    ...quiet,
  })

  t.deepEqual(
    report.rows.map(({ name, concurrency }) => `${name} ${concurrency}`),
    [
      'raw-single 1',
      'raw-ordered 1',
      'raw-parallel 1',
      'clustor 1',
      'js-group-commit 1',
      'fs-promises 1',
      'clustor 4',
      'js-group-commit 4',
      'fs-promises 4',
    ],
  )
  t.true(report.rows.every(({ appendsPerSecond, p50Us }) => appendsPerSecond > 0 && p50Us > 0))
  t.true(report.rows.every(({ p50Us, p99Us }) => p99Us >= p50Us))
  t.true(report.ratios.every(({ ratio }) => ratio > 0))
  t.deepEqual(readdirSync(directory), [])
})

test('an aborted bench append removes its files and gives nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const stop = new AbortController()
  const bench = benchAppend({
    directory,
    matrix,
    rounds: 1,
    seconds: 1000,
    peerCache: directory,
    onProgress: (text) => {
      if (text.includes('clustor')) setImmediate(() => stop.abort(new Error('stopped')))
    },
    signal: stop.signal,
  })
  await t.throwsAsync(bench, { message: 'stopped' })
  t.deepEqual(readdirSync(directory), [])
})

const machine = {
  cpu: '<b>"Fast" & \'cheap\'</b>',
  cores: 2,
  memoryBytes: 2 ** 30,
  kernel: 'linux',
  node: 'v20',
  fileSystem: 'ext4',
  device: '/dev/vda',
}

function page(samples: readonly AppendSample[]): string {
  const report: AppendReport = {
    benchmark: 'append',
    machine,
    rounds: 1,
    seconds: 1,
    rows: rowsOf(samples),
    ratios: ratiosOf(samples),
  }
  refuseRaggedTables(report)
  return formatAppendPage(report)
}

/** Every row of a table has as many cells as its head. */
function refuseRaggedTables(report: AppendReport): void {
  for (const { head, rows } of formatAppendReport(report).tables) {
    if (rows.some((row) => row.length !== head.length)) throw new Error('a ragged table')
  }
}

test('the page is well-formed, needs nothing from elsewhere and escapes what it quotes', (t) => {
  const html = page([sample({ name: 'raw-ordered' }, 0, 90), sample(clustor, 0, 100, 9000)])

  t.deepEqual(unclosedElements(html), [])
  t.notRegex(html, /https?:|url\(|<script|<link|@import|\bsrc=/)
  t.notRegex(html, /NaN|Infinity|undefined|null/)
  t.false(html.includes('<b>'))
  t.true(html.includes('&lt;b&gt;&quot;Fast&quot; &amp; &#39;cheap&#39;&lt;/b&gt;'))
  t.regex(html, /prefers-color-scheme:\s?dark/)
  t.is(html.match(/<figure>/g)?.length, 3)
})

test('a page without rows or without flushes is well-formed, too', (t) => {
  t.deepEqual(unclosedElements(page([])), [])
  const html = page([sample({ name: 'fs-promises' }, 0, 90)])
  t.deepEqual(unclosedElements(html), [])
  t.false(html.includes('Flushes per second'))
  t.notRegex(html, /NaN|Infinity|undefined|null/)
})

/** Elements that are left open, and ends that close nothing. */
function unclosedElements(html: string): string[] {
  const open: string[] = []
  for (const [text, slash, name = ''] of html.matchAll(/<(\/?)([a-z0-9]+)[^<>]*>/g)) {
    if (name === 'meta' || text.endsWith('/>')) continue
    if (slash === '') open.push(name)
    else if (open.at(-1) === name) open.pop()
    else open.push(text)
  }
  return open
}
