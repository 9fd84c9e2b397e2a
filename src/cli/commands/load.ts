import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Command } from 'commander'
import { Option } from 'commander'
import { valueBytesMax } from '../../apply/key-value-codec.js'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags, readPositive } from '../flags.js'
import type { LineFormat } from '../line-source.js'
import { formatOf, malformedLineError } from '../line-source.js'
import type { LoadSummary } from '../loader.js'
import { loadLines } from '../loader.js'
import { LoadProgress } from '../load-progress.js'

interface LoadFlags extends ClientFlags {
  readonly prefix?: string
  readonly format?: LineFormat
  readonly onError: 'stop' | 'continue'
  readonly window: number
  readonly fromLine: number
}

/** `clustor load FILE`: replicates the lines of a file in order. */
export function addLoad(program: Command, context: CommandContext): void {
  const command = program
    .command('load')
    .description('replicate the lines of a file, in order, each exactly once')
    .argument('<file>', 'NDJSON, CSV or plain text; - reads standard input')
    .option('--prefix <text>', 'keys are this and the line number (default: the file name and /)')
    .addOption(
      new Option('--format <format>', 'how lines are checked (default: by the file name)').choices([
        'ndjson',
        'csv',
        'plain',
      ]),
    )
    .addOption(
      new Option('--on-error <what>', 'what a malformed line does')
        .choices(['stop', 'continue'])
        .default('stop'),
    )
    .option('--window <count>', 'lines under way at a time', readPositive, 1024)
    .option('--from-line <number>', 'skip the lines before this one', readPositive, 1)
  addClientFlags(command, context).action(async (file: string, flags: LoadFlags) => {
    await load(file, flags, context)
  })
}

async function load(file: string, flags: LoadFlags, context: CommandContext): Promise<void> {
  const stream =
    file === '-' ? process.stdin : createReadStream(file, { highWaterMark: 256 * 1024 })
  const totalBytes = file === '-' ? null : (await stat(file)).size
  await using client = await connect(flags, context)
  using progress = new LoadProgress(context.output, totalBytes)
  const summary = await loadLines({
    stream,
    format: flags.format ?? formatOf(file),
    lineBytesMax: valueBytesMax,
    prefix: flags.prefix ?? `${file === '-' ? 'stdin' : basename(file)}/`,
    window: flags.window,
    fromLine: flags.fromLine,
    put: (key, value) => client.keyValue(flags.partition).put(key, value),
    onMalformed: (line) => {
      const refusal = malformedLineError(file, line)
      if (flags.onError === 'stop') throw refusal
      progress.remark(`clustor: ${refusal.message}`)
    },
    onProgress: (done) => {
      progress.update(done)
    },
    signal: context.signal,
  })
  progress.end()
  printSummary(file, summary, flags, context)
}

function printSummary(
  file: string,
  summary: LoadSummary,
  flags: LoadFlags,
  context: CommandContext,
): void {
  const { output } = context
  const { lines, malformed, seconds, interrupted, failure } = summary
  if (flags.json) {
    output.json({ file, ...summary, failure: failure?.message ?? null })
  } else {
    const rate = Math.round(lines / seconds)
    output.line(
      `${lines} lines of ${file} in ${seconds.toFixed(2)} s: ${rate} lines/s, ` +
        `latency p50 ${summary.p50Ms.toFixed(2)} ms, p99 ${summary.p99Ms.toFixed(2)} ms` +
        (malformed > 0 ? `, ${malformed} malformed` : ''),
    )
  }
  if (malformed > 0) context.exitCode = exitCodes.failed
  if (interrupted) context.exitCode = exitCodes.interrupted
  if ((interrupted || failure !== null) && !flags.json) {
    output.note(`continue with --from-line ${summary.nextLine}`)
  }
  if (failure !== null) throw failure
}
