import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { Command } from 'commander'
import { Option } from 'commander'
import { optionTable } from '../../config/options.js'
import type { InspectOptions, RewriteOptions, RewriteReport, SalvageReport } from '../../log.js'
import { ClustorError, DurableLog, rewriteDirectory, salvageDirectory } from '../../log.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import { findLogDirectories } from '../log-directories.js'
import type { LogFlags } from '../log-flags.js'
import { addLogFlags, directoryArgument, findOneLog, withKeyFile } from '../log-flags.js'
import { valueFields } from '../value-fields.js'

interface SalvageFlags extends LogFlags {
  readonly out: string
  readonly export?: string
}

interface ReencryptFlags extends LogFlags {
  readonly encoding: (typeof optionTable.encoding.choices)[number]
  readonly merkleLeaves?: true
}

/** `clustor log salvage` and `reencrypt`: make logs anew. */
export function addLogRepair(log: Command, context: CommandContext): void {
  const salvaging = log
    .command('salvage')
    .description(
      'save what verifies of a damaged log as a new one; exit code 1 when something is lost',
    )
    .argument('<dir>', 'the directory of one damaged log; it is not changed')
    .requiredOption('--out <dir>', 'where the new log goes')
    .option('--export <file>', 'also write its entries there, as NDJSON')
  addLogFlags(salvaging, '').action(async (path: string, flags: SalvageFlags) => {
    await withKeyFile(flags, (options) => salvage(path, flags, options, context))
  })
  const rewriting = log
    .command('reencrypt')
    .description('rewrite a log in its place under the active keys; nobody may have it open')
    .argument('<dir>', directoryArgument)
    .addOption(
      new Option('--encoding <encoding>', 'how entries are held afterwards')
        .choices(optionTable.encoding.choices)
        .default(optionTable.encoding.default),
    )
    .option('--merkle-leaves', 'frames carry the leaf of the Merkle tree afterwards')
  addLogFlags(rewriting, ', a line for each log').action(
    async (path: string, flags: ReencryptFlags) => {
      if (flags.keys === undefined) {
        throw new ClustorError('ERR_INVALID_ARGUMENT', 'reencrypt needs --keys FILE')
      }
      await withKeyFile(flags, (options) => reencrypt(path, flags, options, context))
    },
  )
}

async function reencrypt(
  path: string,
  { json, encoding, merkleLeaves }: ReencryptFlags,
  { keys }: InspectOptions,
  { output }: CommandContext,
): Promise<void> {
  for (const directory of await findLogDirectories(path)) {
    output.note(`${directory}: rewriting`)
    const report = await rewriteInItsCodec(directory, {
      keys,
      encoding,
      merkleLeaves: merkleLeaves === true,
    })
    if (json) output.json({ directory, ...report })
    else output.line(describeRewrite(directory, report))
  }
}

/** The ledger keeps its codec, which only a refusal tells. */
async function rewriteInItsCodec(
  directory: string,
  options: RewriteOptions,
): Promise<RewriteReport> {
  try {
    return await rewriteDirectory(directory, { ...options, ledgerCodec: 'binary' })
  } catch (error) {
    if (!(error instanceof ClustorError) || error.code !== 'ERR_CODEC_MISMATCH') throw error
    return await rewriteDirectory(directory, { ...options, ledgerCodec: 'json' })
  }
}

function describeRewrite(directory: string, report: RewriteReport): string {
  const { firstIndex, lastIndex, segmentsBefore, segmentsAfter, firstSegment } = report
  return (
    `${directory}: entries ${firstIndex} to ${lastIndex} are in ${segmentsAfter} segments ` +
    `from ${firstSegment} on (${segmentsBefore} before)`
  )
}

async function salvage(
  path: string,
  { out, export: file, json }: SalvageFlags,
  options: InspectOptions,
  context: CommandContext,
): Promise<void> {
  const from = await findOneLog(path)
  const report = await salvageDirectory(from, out, options)
  if (report.loss !== null) context.exitCode = exitCodes.failed
  if (json) context.output.json({ from, out, ...report })
  else for (const line of describeSalvage(out, report)) context.output.line(line)
  if (file !== undefined) await exportEntries(out, file, report, options)
}

function describeSalvage(out: string, report: SalvageReport): string[] {
  const { firstIndex, lastIndex, loss, strays, strayEntries } = report
  const lines = [`${out}: entries ${firstIndex} to ${lastIndex}`]
  if (loss === null) return [...lines, 'nothing is lost: the log was whole']
  lines.push(`the log breaks off in segment ${loss.segment} at offset ${loss.offset}: ${loss.why}`)
  if (loss.lastIndex > 0) lines.push(`lost: entries ${loss.firstIndex} to ${loss.lastIndex}`)
  if (strayEntries === 0) return lines
  const ranges = strays.map((stray) => `${stray.firstIndex} to ${stray.lastIndex}`).join(', ')
  return [
    ...lines,
    `behind the break ${strayEntries} entries verify (${ranges}): they are not in it`,
  ]
}

async function exportEntries(
  directory: string,
  file: string,
  { cluster, partition, replica }: SalvageReport,
  { keys }: InspectOptions,
): Promise<void> {
  const identity = { cluster, partition, replica }
  const { log } = await DurableLog.open({ directory, identity, keys, unsafeFileSystem: true })
  const stream = createWriteStream(file, { flags: 'wx' })
  try {
    for await (const { index, payload } of log.read()) {
      const line = `${JSON.stringify({ index, ...valueFields(payload) })}\n`
      if (!stream.write(line)) await once(stream, 'drain')
    }
    stream.end()
    await finished(stream)
  } finally {
    stream.destroy()
    await log.close()
  }
}
