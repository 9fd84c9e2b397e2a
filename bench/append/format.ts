import type { ReportTable } from '../cluster/format.js'
import { formatMachine } from '../cluster/machine.js'
import type { EventLoopReport, LoopDelay } from './event-loop.js'
import { settingsOf, type AppendRatio, type AppendRow } from './rows.js'
import type { AppendReport } from './run.js'

/** A report in words and cells, for a terminal and for a page. */
export interface FormattedAppendReport {
  readonly notes: readonly string[]
  readonly tables: readonly ReportTable[]
}

/** The report for people: where it was measured, then figures with units, then ratios. */
export function formatAppendReport(report: AppendReport): FormattedAppendReport {
  const notes = [
    formatMachine(report.machine),
    `durable appends, rounds: ${report.rounds} of ${report.seconds} s; the JS group commit syncs one file and neither ` +
      'frames nor checks anything',
    ...(report.machine.fileSystem === 'tmpfs'
      ? ['The data directory is on tmpfs, where a sync costs nothing: choose another with --dir.']
      : []),
  ]
  const tables = [
    rowsTable(report.rows),
    ratiosTable(report.ratios),
    ...(report.eventLoop === null ? [] : [eventLoopTable(report.eventLoop)]),
  ]
  return { notes, tables }
}

/** One name for a row, as tables and legends show it. */
export const rowName = (row: AppendRow): string =>
  row.ledger === null ? row.name : `${row.name} ${settingsOf(row)}`

const rowsTable = (rows: readonly AppendRow[]): ReportTable => ({
  title: 'median over the rounds',
  head: [
    'system',
    'bytes',
    'batch',
    'appenders',
    'appends/s',
    'MB/s',
    'p50 µs',
    'p99 µs',
    'main thread µs/append',
    'CPU µs/append',
    'flushes/s',
    'space %',
  ],
  rows: rows.map((row) => [
    rowName(row),
    String(row.payloadBytes),
    String(row.batch),
    String(row.concurrency),
    figure(row.appendsPerSecond, 0),
    figure((row.appendsPerSecond * row.payloadBytes) / 1e6, 1),
    figure(row.p50Us, 0),
    figure(row.p99Us, 0),
    figure(row.mainThreadCpuUsPerAppend, 2),
    figure(row.cpuUsPerAppend, 2),
    figure(row.syncsPerSecond, 0),
    figure(row.spaceOverhead === null ? null : row.spaceOverhead * 100, 1),
  ]),
})

const ratiosTable = (ratios: readonly AppendRatio[]): ReportTable => ({
  title:
    'clustor ÷ the other, median of the ratios within each round (p50: less is better; appends/s: more is better)',
  head: ['clustor', 'against', 'bytes', 'batch', 'appenders', 'figure', 'ratio'],
  rows: ratios.map((ratio) => [
    ratio.settings,
    `${ratio.against} ${ratio.againstSettings}`.trimEnd(),
    String(ratio.payloadBytes),
    String(ratio.batch),
    String(ratio.concurrency),
    ratio.figure === 'p50Us' ? 'p50' : 'appends/s',
    `${ratio.ratio.toFixed(2)} ×`,
  ]),
})

function eventLoopTable(report: EventLoopReport): ReportTable {
  const { idle, loaded, stalled, payloadBytes, bytesPerSecond, stallSeconds } = report
  const cells = (name: string, delay: LoopDelay, aboveIdleMs: number | null): string[] => [
    name,
    figure(delay.p50Ms, 2),
    figure(delay.p99Ms, 2),
    figure(delay.maxMs, 1),
    figure(aboveIdleMs, 2),
  ]
  const rate = `${figure(bytesPerSecond / 1e6, 0)} MB/s of ${payloadBytes} B`
  return {
    title: 'turns of the event loop that appends, ms between two looks one millisecond apart',
    head: ['meanwhile', 'p50', 'p99', 'longest', 'p99 above idle', 'MB/s durable'],
    rows: [
      [...cells('idle', idle, null), figure(null, 0)],
      [
        ...cells(`appends, ${rate}`, loaded, report.loadedAboveIdleMs),
        figure(loaded.bytesPerSecond / 1e6, 1),
      ],
      [
        ...cells(`the same, syncs hang for ${stallSeconds} s`, stalled, report.stalledAboveIdleMs),
        figure(stalled.bytesPerSecond / 1e6, 1),
      ],
    ],
  }
}

const figure = (value: number | null, digits: number): string =>
  value === null ? '–' : value.toFixed(digits)
