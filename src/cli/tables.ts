import Table from 'cli-table3'
import type { Output } from './output.js'

/** A table without colour codes of its own, so that `NO_COLOR` and pipes get plain text.
 *  @param rightAligned columns that hold numbers. */
export function formatTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  output: Output,
  rightAligned: readonly string[] = [],
): string {
  const table = new Table({
    head: head.map((title) => output.bold(title)),
    colAligns: head.map((title) => (rightAligned.includes(title) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
    chars: plainBorders,
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}

/** Columns by space, a line under the head: readable, and easy to cut with awk. */
const plainBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: ' ',
}
