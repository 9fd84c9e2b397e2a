import type { Command } from 'commander'
import { Option } from 'commander'
import type { DirectoryStats, DumpItem, VerifyReport } from '../../log.js'
import { dumpDirectory, statsDirectory, verifyDirectory } from '../../log.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import { readPositive } from '../flags.js'
import { findLogDirectories } from '../log-directories.js'
import type { Output } from '../output.js'
import { formatTable } from '../tables.js'

interface LogFlags {
  readonly json?: true
}

interface DumpFlags extends LogFlags {
  readonly type?: DumpItem['type']
  readonly limit?: number
}

const itemTypes: readonly DumpItem['type'][] = [
  'segment',
  'block',
  'entry',
  'hard-state',
  'truncate',
  'ledger',
  'invalid',
]

/** `clustor log`: looks into data directories offline. Nothing is changed and no lock is taken. */
export function addLog(program: Command, context: CommandContext): void {
  const log = program.command('log').description('look into a data directory offline')
  const directory = 'the data directory of a node, or of one partition'
  log
    .command('verify')
    .description(
      'check every byte that recovery would rely on; exit code 1 when a log would not open',
    )
    .argument('<dir>', directory)
    .option('--json', 'print JSON, a line for each log')
    .action(async (path: string, flags: LogFlags) => {
      await verify(path, flags, context)
    })
  log
    .command('stats')
    .description('count entries, bytes, segments and ledger records')
    .argument('<dir>', directory)
    .option('--json', 'print JSON, a line for each log')
    .action(async (path: string, flags: LogFlags) => {
      await stats(path, flags, context)
    })
  log
    .command('dump')
    .description('print what the files hold, in file order')
    .argument('<dir>', directory)
    .option('--json', 'print JSON, a line for each item')
    .addOption(new Option('--type <type>', 'only items of this type').choices(itemTypes))
    .option('--limit <count>', 'end after so many items', readPositive)
    .action(async (path: string, flags: DumpFlags) => {
      await dump(path, flags, context)
    })
}

async function verify(path: string, flags: LogFlags, context: CommandContext): Promise<void> {
  for (const directory of await findLogDirectories(path)) {
    const report = await verifyDirectory(directory)
    if (report.verdict !== null) context.exitCode = exitCodes.failed
    if (flags.json) context.output.json({ directory, ...plainReport(report) })
    else printVerdict(directory, report, context.output)
  }
}

function plainReport({ verdict, ...rest }: VerifyReport): Record<string, unknown> {
  const error =
    verdict === null
      ? null
      : { code: verdict.code, message: verdict.message, fields: verdict.fields }
  return { opens: verdict === null, error, ...rest }
}

function printVerdict(directory: string, report: VerifyReport, output: Output): void {
  const { verdict, identity, locked, recovery } = report
  const { cluster, partition, replica } = identity
  output.line(output.bold(directory))
  output.line(`  cluster ${cluster}, partition ${partition}, replica ${replica}`)
  if (locked) output.line('  a process has it open: the tail may move while it is read')
  if (verdict !== null) {
    output.line(`  ${output.red('does not open')}: ${verdict.message} (${verdict.code})`)
    return
  }
  const { firstIndex, lastIndex, provenIndex, segmentCount, scannedBytes, droppedBytes } = recovery
  const entries = lastIndex < firstIndex ? 'no entries' : `entries ${firstIndex} to ${lastIndex}`
  output.line(
    `  ${output.green(recovery.outcome)}: ${entries}, ledger proves ${provenIndex}, ` +
      `${segmentCount} segments, ${mebibytes(scannedBytes)} read`,
  )
  if (droppedBytes > 0) {
    output.line(`  opening it drops ${droppedBytes} bytes behind it, which nobody was promised`)
  }
}

async function stats(path: string, flags: LogFlags, { output }: CommandContext): Promise<void> {
  const rows: string[][] = []
  for (const directory of await findLogDirectories(path)) {
    const found = await statsDirectory(directory)
    if (flags.json) output.json({ directory, ...found, verify: plainReport(found.verify) })
    else rows.push(statsRow(directory, found))
  }
  if (flags.json) return
  const head = ['log', 'entries', 'frame bytes', 'padding', 'segments', 'ledger records', 'opens']
  output.line(formatTable(head, rows, output, head.slice(1, -1)))
}

function statsRow(directory: string, found: DirectoryStats): string[] {
  const {
    entryCount,
    frameBytes,
    paddingBytes,
    segmentCount,
    ledgerRecords,
    verify: report,
  } = found
  const counts = [entryCount, frameBytes, paddingBytes, segmentCount, ledgerRecords].map(String)
  return [directory, ...counts, report.verdict === null ? 'yes' : report.verdict.code]
}

async function dump(
  path: string,
  flags: DumpFlags,
  { output, signal }: CommandContext,
): Promise<void> {
  let printed = 0
  for (const directory of await findLogDirectories(path)) {
    for await (const item of dumpDirectory(directory)) {
      if (signal.aborted || printed === flags.limit) return
      if (flags.type !== undefined && item.type !== flags.type) continue
      const text = flags.json ? JSON.stringify({ directory, ...item }) : formatItem(item)
      await output.write(`${text}\n`)
      printed += 1
    }
  }
}

function formatItem(item: DumpItem): string {
  const place = `${item.segment}:${item.offset}`.padEnd(14)
  return `${place} ${item.type.padEnd(10)} ${formatDetails(item)}`
}

function formatDetails(item: DumpItem): string {
  const { term, index, vote, kind, block, firstIndex, lastIndex, entryCount, bytes, detail } = item
  switch (item.type) {
    case 'segment':
      return `base index ${firstIndex}, ${bytes} bytes`
    case 'block':
      return `block ${block}, ${entryCount} entries ${firstIndex} to ${lastIndex}, ${bytes} bytes`
    case 'entry':
      return `index ${index}, term ${term}, ${kindNames.get(kind) ?? `kind ${kind}`}, payload ${item.payloadBytes} bytes`
    case 'hard-state':
      return `term ${term}, vote ${vote}, commit ${index}`
    case 'truncate':
      return `entries from ${index} on are gone`
    case 'ledger':
      return `term ${term}, index ${index} durable at ${new Date(item.timestampMs).toISOString()}`
    case 'invalid':
      return detail
  }
}

/** Entry kinds by their number on disk: docs/wal-format.md. */
const kindNames = new Map([
  [0x00, 'normal'],
  [0x01, 'membership'],
  [0x10, 'noop'],
  [0x11, 'session'],
])

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
