import type { Command } from 'commander'
import { Option } from 'commander'
import type { DumpItem, InspectOptions } from '../../log.js'
import { dumpDirectory } from '../../log.js'
import type { CommandContext } from '../context.js'
import { readPositive } from '../flags.js'
import { findLogDirectories } from '../log-directories.js'
import type { LogFlags } from '../log-flags.js'
import { addLogFlags, directoryArgument, withKeyFile } from '../log-flags.js'

interface DumpFlags extends LogFlags {
  readonly type?: DumpItem['type']
  readonly limit?: number
  readonly from?: number
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

/** `clustor log dump`: prints what the files hold. Nothing is changed and no lock is taken. */
export function addLogDump(log: Command, context: CommandContext): void {
  const command = log
    .command('dump')
    .description('print what the files hold, in file order')
    .argument('<dir>', directoryArgument)
    .addOption(new Option('--type <type>', 'only items of this type').choices(itemTypes))
    .option(
      '--from <index>',
      'leave out entries below it, and blocks with none but such',
      readPositive,
    )
    .option('--limit <count>', 'end after so many items', readPositive)
  addLogFlags(command, ', a line for each item').action(async (path: string, flags: DumpFlags) => {
    await withKeyFile(flags, (options) => dump(path, flags, options, context))
  })
}

async function dump(
  path: string,
  flags: DumpFlags,
  options: InspectOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  let printed = 0
  for (const directory of await findLogDirectories(path)) {
    for await (const item of dumpDirectory(directory, { ...options, from: flags.from })) {
      if (signal.aborted || printed === flags.limit) return
      if (!isWanted(item, flags)) continue
      const text = flags.json ? JSON.stringify({ directory, ...item }) : formatItem(item)
      await output.write(`${text}\n`)
      printed += 1
    }
  }
}

function isWanted(item: DumpItem, { type, from = 0 }: DumpFlags): boolean {
  if (type !== undefined && item.type !== type) return false
  return item.type !== 'entry' || item.index >= from
}

function formatItem(item: DumpItem): string {
  const place = `${item.segment}:${item.offset}`.padEnd(14)
  return `${place} ${item.type.padEnd(10)} ${formatDetails(item)}`
}

function formatDetails(item: DumpItem): string {
  const { term, index, vote, kind, block, firstIndex, lastIndex, entryCount, bytes, detail } = item
  switch (item.type) {
    case 'segment':
      return `base index ${firstIndex}, ${bytes} bytes${detail === '' ? '' : `, ${detail}`}`
    case 'block':
      return `block ${block}, ${entryCount} entries ${firstIndex} to ${lastIndex}, ${bytes} bytes`
    case 'entry':
      return `index ${index}, term ${term}, ${kindNames.get(kind) ?? `kind ${kind}`}, payload ${item.payloadBytes} bytes`
    case 'hard-state':
      return `term ${term}, vote ${vote}, commit ${index}`
    case 'truncate':
      return `entries from ${index} on are gone`
    case 'ledger':
      return `${ledgerRecord(item)} at ${new Date(item.timestampMs).toISOString()}`
    case 'invalid':
      return detail
  }
}

/** docs/wal-format.md, "Durability ledger". */
function ledgerRecord({ kind, term, index, segment }: DumpItem): string {
  switch (kind) {
    case 0x10:
      return `nonces ${term} to ${term + index - 1} of segment ${segment} reserved`
    case 0x11:
      return `nonces ${term} to ${term + index - 1} of segment ${segment} abandoned`
    case 0x12:
      return `settings ${term}, ${index}`
    case 0x13:
      return `block ${term} durable, last index ${index}`
    case 0x14:
      return `entries below ${index} and segments below ${segment} removed`
    case 0x15:
      return `block ${term} about to be written, last index ${index}`
    default:
      return `term ${term}, index ${index} durable`
  }
}

/** Entry kinds by their number on disk: docs/wal-format.md. */
const kindNames = new Map([
  [0x00, 'normal'],
  [0x01, 'membership'],
  [0x10, 'noop'],
  [0x11, 'session'],
])
