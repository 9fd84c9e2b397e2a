import { formatMachine } from './machine.js'
import type { ClusterFigures, ClusterRatio, ClusterReport } from './run.js'
import type { Spread } from './statistics.js'

/** A table of a report, as rows of text; the caller draws it. */
export interface ReportTable {
  readonly title: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Above this the machine was not quiet. */
const otherCoresMax = 0.3

/** The report for people: what was measured where, then figures with units, then ratios. */
export function formatReport(report: ClusterReport): { notes: string[]; tables: ReportTable[] } {
  const { payloadBytes, rounds, seconds, nodeFlags } = report.settings
  const notes = [
    formatMachine(report.machine),
    `three processes on loopback, puts of ${payloadBytes} B, ${rounds} rounds of ${seconds} s, ` +
      `node flags: ${nodeFlags.join(' ') || 'none'}`,
    ...(report.figures.some(({ otherCores }) => otherCores.median > otherCoresMax)
      ? [
          `Other processes used more than ${otherCoresMax} cores: expect better figures when they do not.`,
        ]
      : []),
    ...(report.machine.fileSystem === 'tmpfs'
      ? ['The data directory is on tmpfs, where a sync costs nothing: choose another with --dir.']
      : []),
  ]
  const tables = [figuresTable(report.figures)]
  if (report.ratios.length > 0) tables.push(ratiosTable(report.ratios))
  return { notes, tables }
}

function figuresTable(figures: readonly ClusterFigures[]): ReportTable {
  return {
    title: 'median (min..max) over the rounds',
    head: [
      'system',
      'clients',
      'puts/s',
      'p50 ms',
      'p99 ms',
      'server CPU µs/put',
      'RSS MiB',
      'failed',
      'other cores',
    ],
    rows: figures.map((row) => [
      row.system,
      String(row.clients),
      range(row.putsPerSecond, (value) => value.toFixed(0)),
      range(row.p50Us, milliseconds),
      range(row.p99Us, milliseconds),
      row.serverCpuUsPerPut.median.toFixed(1),
      (row.serverBytes.median / 2 ** 20).toFixed(0),
      String(row.failed),
      row.otherCores.median.toFixed(2),
    ]),
  }
}

function ratiosTable(ratios: readonly ClusterRatio[]): ReportTable {
  return {
    title:
      'clustor ÷ the other, median over pairs of rounds (puts/s: more is better; the rest: less is better)',
    head: ['against', 'clients', 'puts/s', 'p50', 'p99', 'server CPU/put'],
    rows: ratios.map((row) => [
      row.against,
      String(row.clients),
      `${row.putsPerSecond.toFixed(2)} ×`,
      `${row.p50.toFixed(2)} ×`,
      `${row.p99.toFixed(2)} ×`,
      `${row.serverCpu.toFixed(2)} ×`,
    ]),
  }
}

const milliseconds = (microseconds: number): string => (microseconds / 1000).toFixed(2)

function range({ median, min, max }: Spread, format: (value: number) => string): string {
  return min === max ? format(median) : `${format(median)} (${format(min)}..${format(max)})`
}
