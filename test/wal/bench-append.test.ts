import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { formatAppendReport } from '../../bench/append/format.js'
import { formatAppendPage } from '../../bench/append/html.js'
import { latencyShares, sharesOf } from '../../bench/append/closed-loop.js'
import {
  eventLoopReport,
  type EventLoopSample,
  type LoopLoad,
} from '../../bench/append/event-loop.js'
import { GroupCommit } from '../../bench/append/group-commit.js'
import { LogSystem } from '../../bench/append/log-system.js'
import { ratiosOf, rowsOf, type AppendSample } from '../../bench/append/rows.js'
import { benchAppend, type AppendReport } from '../../bench/append/run.js'
import { subjectsOf, type AppendMatrix } from '../../bench/append/settings.js'
import { PrefixTruncator, primeLog } from '../../bench/append/steady-logs.js'
import { DurableLog } from '../../src/log.js'
import { statsDirectory } from '../../src/wal/inspect.js'
import { eventually } from '../support/eventually.js'
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
  blockAlignments: [4096],
  against: [],
}
const segmentHeaderBytes = 4096
const quiet = { onProgress: () => undefined, signal: new AbortController().signal }
const load = { payloadBytes: 256, concurrency: 1, batch: 1 }
const clustor = {
  name: 'clustor',
  options: {
    ledger: 'ordered',
    durability: 'strict',
    aead: true,
    trailers: false,
    logs: 1,
    blockAlignmentBytes: 4096,
    blocking: false,
  },
} as const satisfies AppendSample['subject']

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
    spaceOverhead: 0.25,
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

test('one setting more is compared with the same log without it, and large appends with one file', (t) => {
  const plain = { ...clustor.options, aead: false }
  const large = { ...load, payloadBytes: 256 * 1024 }
  const samples = [
    sample({ name: 'clustor', options: plain }, 0, 100),
    sample({ name: 'clustor', options: { ...plain, ledger: 'inline' } }, 0, 80),
    sample({ name: 'clustor', options: { ...plain, logs: 4 } }, 0, 200),
    sample({ name: 'clustor', options: { ...plain, aead: true, trailers: true } }, 0, 300),
    sample(clustor, 0, 125),
    sample({ name: 'raw-single' }, 0, 90),
    sample({ name: 'raw-direct' }, 0, 50),
  ]
  const ratiosUnder = (each: AppendSample['load']): unknown[] =>
    ratiosOf(samples.map((one) => ({ ...one, load: each })))
      .filter(({ figure }) => figure === 'appendsPerSecond')
      .map(({ settings, against, againstSettings, ratio }) => [
        settings,
        `${against} ${againstSettings}`.trimEnd(),
        +ratio.toFixed(3),
      ])

  t.deepEqual(ratiosUnder(load), [
    ['ordered strict, 4 logs', 'clustor ordered strict', 0.5],
    ['ordered strict, aead, trailers', 'clustor ordered strict, aead', 0.417],
    ['ordered strict, aead', 'clustor ordered strict', 0.8],
  ])
  t.is(ratiosUnder(large).length, 3 + 5 * 2)
  const several = { ...large, concurrency: 4 }
  const besideOne = ratiosOf([
    { ...sample(clustor, 0, 60), load: several },
    { ...sample({ name: 'raw-direct' }, 0, 30), load: large },
  ])
  t.deepEqual(
    besideOne.map(({ concurrency, against, ratio }) => [concurrency, against, ratio]),
    [[4, 'raw-direct', 0.5]],
  )
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
    against: ['fs-promises', 'fs-sync'],
  }
  const subjects = subjectsOf(crossed, { ...load, concurrency: 2 })
  t.is(subjects.filter(({ name }) => name === 'clustor').length, 8)
  t.deepEqual(
    subjects.slice(8).map(({ name }) => name),
    ['js-group-commit', 'fs-promises'],
  )
  const alone = subjectsOf(crossed, load).filter(({ name }) => name === 'clustor')
  t.is(alone.length, 16, 'a single appender also blocks')
  t.is(subjectsOf(crossed, load).at(-1)?.name, 'fs-sync', 'and is compared with calls that block')
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
  const told: string[] = []

  const report = await benchAppend({
    directory,
    matrix: {
      ...matrix,
      concurrencies: [1, 4],
      batches: [2],
      trailers: [true],
      logs: [2],
      against: ['fs-promises', 'fs-sync'],
    },
    rounds: 1,
    seconds: 0.1,
    primed: false,
    eventLoop: true,
    peerCache: directory,
    ...quiet,
    onProgress: (text) => told.push(text),
  })

  // The disk drifts: what a system is compared with was measured before it and after it.
  const alone = told
    .map((text) => /: (\S+), 1 ×/u.exec(text)?.[1])
    .filter((name) => name !== undefined)
  const loops = ['raw-single', 'raw-direct', 'raw-ordered', 'raw-parallel']
  t.deepEqual(alone.slice(0, 4), loops)
  t.deepEqual(alone.slice(-4), loops)
  t.deepEqual(
    report.rows.map(({ name, concurrency }) => `${name} ${concurrency}`),
    [
      'raw-single 1',
      'raw-direct 1',
      'raw-ordered 1',
      'raw-parallel 1',
      'clustor 1',
      'js-group-commit 1',
      'fs-promises 1',
      'fs-sync 1',
      'clustor 4',
      'js-group-commit 4',
      'fs-promises 4',
    ],
  )
  t.true(report.rows.every(({ appendsPerSecond, p50Us }) => appendsPerSecond > 0 && p50Us > 0))
  t.true(report.rows.every(({ p50Us, p99Us }) => p99Us >= p50Us))
  t.true(report.ratios.every(({ ratio }) => ratio > 0))
  const { idle, loaded, stalled } = report.eventLoop ?? t.fail()
  t.true(idle.p50Ms >= 1 && loaded.bytesPerSecond > 0)
  // A loop that waited for a sync would be late by two seconds.
  t.true(stalled.maxMs < 1900)
  t.deepEqual(readdirSync(directory), [])
})

test('a primed log that is kept short uses its segments again', async (t) => {
  const directory = temporaryDirectory(t)
  const segmentBytes = 8 * 1024 * 1024
  const { log } = await DurableLog.open({ directory, segmentBytes, ledger: 'inline' })
  const batch = Array.from({ length: 7 }, () => new Uint8Array(1024 * 1024))

  await primeLog(log, quiet.signal)
  const primed = log.stats()
  const truncator = new PrefixTruncator([log])
  while (log.stats().rotations < primed.rotations + 6) {
    await log.appendBatch(batch)
    await eventually(() => log.stats().segmentCount <= 2)
  }
  await truncator.stop()
  await log.close()

  t.true(primed.recycledSegments >= 2)
  // Not each of them: on a busy machine a new one may be made before an old one is let go.
  t.true(log.stats().recycledSegments > primed.recycledSegments)
})

test('the space of a row is that of the blocks in the files', async (t) => {
  const directory = temporaryDirectory(t)
  const time = { primed: false, signal: quiet.signal }
  const options = { ...clustor.options, aead: false }
  const system = await LogSystem.open(directory, options, time)

  await system.append([new Uint8Array(256)], 0)
  await system.append([new Uint8Array(5000)], 0)
  const bytes = system.blockBytesWritten()
  await system.close()

  const { tailOffset } = await statsDirectory(join(directory, 'log-0'))
  t.is(bytes, 4096 + 8192)
  t.is(tailOffset, segmentHeaderBytes + bytes)
})

test('an aborted bench append removes its files and gives nothing', async (t) => {
  const directory = temporaryDirectory(t)
  const stop = new AbortController()
  const bench = benchAppend({
    directory,
    matrix,
    rounds: 1,
    seconds: 1000,
    primed: true,
    eventLoop: false,
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

/** An event loop whose p99 is this much later under appends, and twice as much while the disk hangs. */
function loopSample(lateMs: number): EventLoopSample {
  const delay = (p99Ms: number): LoopLoad => ({ p50Ms: 1, p99Ms, maxMs: 20, bytesPerSecond: 1e8 })
  return { idle: delay(2), loaded: delay(2 + lateMs), stalled: delay(2 + 2 * lateMs) }
}

test('the delay of an event loop is the median over the rounds of what is above idle', (t) => {
  const report = eventLoopReport([loopSample(4), loopSample(2), loopSample(9)])

  t.like(report, { loadedAboveIdleMs: 4, stalledAboveIdleMs: 8 })
  t.is(report.loaded.p99Ms, 6)
})

function page(samples: readonly AppendSample[]): string {
  const report: AppendReport = {
    benchmark: 'append',
    machine,
    rounds: 1,
    seconds: 1,
    primed: true,
    rows: rowsOf(samples),
    ratios: ratiosOf(samples),
    eventLoop: eventLoopReport([loopSample(4), loopSample(2), loopSample(9)]),
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

test('sections are named by bytes and batch, and a curve of one point is a dot in the legend', (t) => {
  const large = { payloadBytes: 1024 * 1024, concurrency: 1, batch: 4 }
  const html = page([
    sample(clustor, 0, 100),
    { ...sample(clustor, 0, 900), load: large },
    { ...sample(clustor, 0, 300), load: { ...load, concurrency: 16 } },
  ])

  t.deepEqual(
    [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, title]) => title),
    ['256 B, one entry an append', '1 MiB, batches of 4'],
  )
  const [small = '', big = ''] = html.split('<section>').slice(1)
  t.regex(small, /Appends per second.*?aria-hidden="true"><line/s)
  t.regex(big, /Appends per second.*?aria-hidden="true"><circle/s)
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
