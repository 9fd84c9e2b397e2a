import type { ReportTable } from '../cluster/format.js'
import { formatMachine } from '../cluster/machine.js'
import { formatSpread, methodNames } from '../fsync/format.js'
import type { AppendRatio, AppendReport } from './run.js'
import type { AppendSystemName } from './systems.js'

const systemNames: Readonly<Record<AppendSystemName, string>> = {
  strict: 'DurableLog, strict',
  group: 'DurableLog, group',
  'js-group-commit': 'hand-written JS group commit',
}

/** The report for people: where it was measured, then figures with units, then ratios. */
export function formatAppendReport(report: AppendReport): {
  readonly notes: readonly string[]
  readonly tables: readonly ReportTable[]
} {
  const { payloadBytes, rounds, seconds, ledger, aead } = report.settings
  const raw = report.raw.map(
    ({ method, p50Us }) => `${methodNames[method]} p50 ${formatSpread(p50Us, 0)} µs`,
  )
  const notes = [
    formatMachine(report.machine),
    `durable appends of ${payloadBytes} B, ledger ${ledger}, ${aead ? 'encrypted' : 'plain'}, ${rounds} rounds of ${seconds} s; ` +
      'the JS group commit syncs one file and neither frames nor checks anything',
    `raw system calls, one at a time: ${raw.join('; ')}`,
  ]
  return { notes, tables: [figuresTable(report), ratiosTable(report.ratios)] }
}

const figuresTable = (report: AppendReport): ReportTable => ({
  title: 'median (min..max) over the rounds',
  head: ['system', 'appenders', 'appends/s', 'p50 µs', 'p99 µs', 'CPU µs/append'],
  rows: report.figures.map((figures) => [
    systemNames[figures.system],
    String(figures.appenders),
    formatSpread(figures.appendsPerSecond, 0),
    formatSpread(figures.p50Us, 0),
    formatSpread(figures.p99Us, 0),
    formatSpread(figures.cpuUsPerAppend, 1),
  ]),
})

const ratiosTable = (ratios: readonly AppendRatio[]): ReportTable => ({
  title: 'ratios, median over the rounds (p50: less is better; appends/s: more is better)',
  head: ['system', 'against', 'appenders', 'figure', 'ratio'],
  rows: ratios.map(({ system, against, appenders, figure, ratio }) => [
    systemNames[system],
    against === 'js-group-commit' ? systemNames[against] : methodNames[against],
    String(appenders),
    figure,
    `${ratio.toFixed(2)} ×`,
  ]),
})
