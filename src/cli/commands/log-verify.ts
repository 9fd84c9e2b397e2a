import type { Command } from 'commander'
import type { DirectoryStats, VerifyReport } from '../../log.js'
import { statsDirectory, verifyDirectory } from '../../log.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import { findLogDirectories } from '../log-directories.js'
import type { LogFlags } from '../log-flags.js'
import { addLogFlags, directoryArgument, withKeyFile } from '../log-flags.js'
import type { Output } from '../output.js'
import { formatTable } from '../tables.js'

/** `clustor log verify` and `stats`: judge and count. Nothing is changed and no lock is taken. */
export function addLogVerify(log: Command, context: CommandContext): void {
  const verifying = log
    .command('verify')
    .description(
      'check every byte that recovery would rely on; exit code 1 when a log would not open',
    )
    .argument('<dir>', directoryArgument)
  addLogFlags(verifying, ', a line for each log').action(async (path: string, flags: LogFlags) => {
    await verify(path, flags, context)
  })
  const counting = log
    .command('stats')
    .description('count entries, bytes, segments and ledger records')
    .argument('<dir>', directoryArgument)
  addLogFlags(counting, ', a line for each log').action(async (path: string, flags: LogFlags) => {
    await stats(path, flags, context)
  })
}

async function verify(path: string, flags: LogFlags, context: CommandContext): Promise<void> {
  for (const directory of await findLogDirectories(path)) {
    const report = await withKeyFile(flags, (options) => verifyDirectory(directory, options))
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
    if (keyCodes.includes(verdict.code)) output.line('  give the keys with --keys FILE')
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

const keyCodes: readonly string[] = ['ERR_KEY_UNKNOWN_EPOCH', 'ERR_KEY_WRONG']

async function stats(path: string, flags: LogFlags, { output }: CommandContext): Promise<void> {
  const rows: string[][] = []
  for (const directory of await findLogDirectories(path)) {
    const found = await withKeyFile(flags, (options) => statsDirectory(directory, options))
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

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`
