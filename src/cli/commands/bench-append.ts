import { statSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { formatAppendReport } from '../../../bench/append/format.js'
import { formatAppendPage } from '../../../bench/append/html.js'
import { defaultPeerCache } from '../../../bench/append/peer-install.js'
import { benchAppend } from '../../../bench/append/run.js'
import { peerNames, type PeerName } from '../../../bench/append/settings.js'
import { optionTable } from '../../config/options.js'
import type { CommandContext } from '../context.js'
import { readBytes, readChoices, readPositive, readPositives } from '../flags.js'
import { printReport } from '../report.js'

const {
  ledger: ledgerOption,
  durability: durabilityOption,
  blockAlignmentBytes: alignmentOption,
} = optionTable

interface AppendFlags {
  readonly payload: readonly number[]
  readonly appenders: readonly number[]
  readonly batch: readonly number[]
  readonly ledger: readonly (typeof ledgerOption.choices)[number][]
  readonly durability: readonly (typeof durabilityOption.choices)[number][]
  readonly aead: readonly boolean[]
  readonly trailers: readonly boolean[]
  readonly logs: readonly number[]
  readonly blockAlignment: readonly number[]
  readonly against: readonly PeerName[]
  readonly rounds: number
  readonly seconds: number
  readonly prime: boolean
  readonly eventLoop?: true
  readonly dir: string
  readonly html?: string
  readonly json?: true
}

/** `clustor bench append`: every list is crossed with every other. */
export function addBenchAppend(bench: Command, context: CommandContext): void {
  const command = bench
    .command('append')
    .description('DurableLog beside the raw system calls, a hand-written group commit, and others')
  addLoadFlags(command)
  addLogFlags(command)
    .option('--against <names>', `${peerNames.join(', ')} or all; npm installs them`, readPeers, [])
    .option('--rounds <count>', 'rounds; medians are over them', readPositive, 3)
    .option('--seconds <count>', 'measured seconds of a load', readPositive, 1)
    .option('--no-prime', 'logs begin without segments to use again, and make zeros')
    .option('--event-loop', 'measure the delay of an appending event loop, too')
    .option('--dir <directory>', 'whose disk is measured; what is made there is removed', tmpdir())
    .option('--html <file>', 'write the report as a page, too', readPagePath)
    .option('--json', 'print JSON')
    .action((flags: AppendFlags) => runBenchAppend(flags, context))
}

function addLoadFlags(command: Command): Command {
  return command
    .option('--payload <sizes>', 'sizes of an entry, with commas', readSizes, [256])
    .option(
      '--appenders <counts>',
      'concurrent appenders, with commas',
      readPositives,
      [1, 16, 256],
    )
    .option('--batch <counts>', 'entries of an append, with commas', readPositives, [1])
}

function addLogFlags(command: Command): Command {
  return command
    .option('--ledger <modes>', `of ${ledgerOption.choices.join(', ')}`, readLedgers, [
      ledgerOption.default,
    ])
    .option(
      '--durability <modes>',
      `of ${durabilityOption.choices.join(', ')}`,
      readDurabilities,
      durabilityOption.choices,
    )
    .option('--aead [states]', 'encrypt blocks: off, on or off,on', readStates, [false])
    .option('--trailers [states]', 'seal segments: off, on or off,on', readStates, [false])
    .option('--logs <counts>', 'logs that the appenders share', readPositives, [1])
    .option('--block-alignment <sizes>', 'blocks begin at multiples of it', readAlignments, [
      alignmentOption.default,
    ])
}

async function runBenchAppend(flags: AppendFlags, context: CommandContext): Promise<void> {
  const { payload, appenders, batch, ledger, durability, aead, trailers, logs, against } = flags
  const report = await benchAppend({
    directory: flags.dir,
    matrix: {
      payloads: payload,
      concurrencies: appenders,
      batches: batch,
      ledgers: ledger,
      durabilities: durability,
      // A flag without a value switches on.
      aead: Array.isArray(aead) ? aead : [true],
      trailers: Array.isArray(trailers) ? trailers : [true],
      logs,
      blockAlignments: flags.blockAlignment,
      against,
    },
    rounds: flags.rounds,
    seconds: flags.seconds,
    primed: flags.prime,
    eventLoop: flags.eventLoop === true,
    peerCache: defaultPeerCache(context.environment),
    onProgress: (text) => {
      context.output.note(text)
    },
    signal: context.signal,
  })
  if (flags.html !== undefined) await writeFile(flags.html, formatAppendPage(report))
  printReport(report, formatAppendReport, flags, context)
}

const readSizes = (text: string): number[] => text.split(',').map(readEntryBytes)

function readEntryBytes(text: string): number {
  const bytes = readBytes(text)
  if (bytes >= 1 && bytes <= entryBytesMax) return bytes
  throw new InvalidArgumentError('It must be from 1B to 1MiB.')
}

const readAlignments = (text: string): number[] => text.split(',').map(readAlignment)

function readAlignment(text: string): number {
  const bytes = readBytes(text)
  const { min, max } = alignmentOption
  if (bytes >= min && bytes <= max && Number.isInteger(Math.log2(bytes))) return bytes
  throw new InvalidArgumentError(`It must be a power of two from ${min} to ${max} bytes.`)
}

/** So that the largest entries still fit a segment. */
const entryBytesMax = 1024 * 1024

const readLedgers = readChoices(ledgerOption.choices)
const readDurabilities = readChoices(durabilityOption.choices)
const readOnOff = readChoices(['off', 'on'])
const readStates = (text: string): boolean[] => readOnOff(text).map((state) => state === 'on')
const readPeerNames = readChoices(peerNames)

const readPeers = (text: string): readonly PeerName[] =>
  text === 'all' ? peerNames : readPeerNames(text)

/** The page is written after minutes of measuring: its folder is looked for before. */
function readPagePath(text: string): string {
  const path = resolve(text)
  if (isDirectory(dirname(path)) && !isDirectory(path)) return path
  throw new InvalidArgumentError('It must be a file in a directory that exists.')
}

const isDirectory = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
