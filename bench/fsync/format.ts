import type { ReportTable } from '../cluster/format.js'
import { formatMachine } from '../cluster/machine.js'
import type { Spread } from '../cluster/statistics.js'
import type { FsyncMethod, FsyncReport } from './run.js'

/** What a loop does, in words. */
export const methodNames: Readonly<Record<FsyncMethod, string>> = {
  'single-preallocated': 'one preallocated file',
  'single-extending': 'one growing file',
  'two-ordered': 'two preallocated files, in order',
  'two-parallel': 'two preallocated files, in parallel',
}

/** The report for people: where it was measured, then figures with units. */
export function formatFsyncReport(report: FsyncReport): {
  readonly notes: readonly string[]
  readonly tables: readonly ReportTable[]
} {
  const { payloadBytes, rounds, operations } = report.settings
  const notes = [
    formatMachine(report.machine),
    `pwrite of ${payloadBytes} B and fdatasync, one at a time, ${rounds} rounds of ${operations}`,
  ]
  const table: ReportTable = {
    title: 'raw system calls, median (min..max) over the rounds',
    head: ['loop', 'p50 µs', 'p99 µs', 'per second', '÷ one file'],
    rows: report.figures.map((figures) => [
      methodNames[figures.method],
      formatSpread(figures.p50Us, 0),
      formatSpread(figures.p99Us, 0),
      formatSpread(figures.operationsPerSecond, 0),
      `${figures.ratio.toFixed(2)} ×`,
    ]),
  }
  return { notes, tables: [table] }
}

/** `130 (126..134)`. */
export function formatSpread({ median, min, max }: Spread, digits: number): string {
  const text = (value: number): string => value.toFixed(digits)
  return min === max ? text(median) : `${text(median)} (${text(min)}..${text(max)})`
}
