import type { ReportTable } from '../../bench/cluster/format.js'
import type { CommandContext } from './context.js'
import { formatTable } from './tables.js'

/** Prints a report: JSON for programs, notes and tables for people. */
export function printReport<Report>(
  report: Report,
  format: (report: Report) => FormattedReport,
  flags: { readonly json?: true },
  { output }: CommandContext,
): void {
  if (flags.json) {
    output.json(report)
    return
  }
  const { notes, tables } = format(report)
  for (const note of notes) output.line(note)
  for (const { title, head, rows } of tables) {
    output.line()
    output.line(output.bold(title))
    const numeric = head.filter((_, column) => rows.every((row) => /^\d/.test(row[column] ?? '')))
    output.line(formatTable(head, rows, output, numeric))
  }
}

interface FormattedReport {
  readonly notes: readonly string[]
  readonly tables: readonly ReportTable[]
}
