import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { Option } from 'commander'
import { whatIsMissing } from '../../../bench/cluster/etcd.js'
import { formatReport } from '../../../bench/cluster/format.js'
import { benchCluster } from '../../../bench/cluster/run.js'
import { formatFsyncReport } from '../../../bench/fsync/format.js'
import { benchFsync } from '../../../bench/fsync/run.js'
import { ClustorError } from '../../base/errors.js'
import type { CommandContext } from '../context.js'
import type { EncryptionFlags } from '../encryption-flags.js'
import { addEncryptionFlags, nodeFlagsOf, withKeys } from '../encryption-flags.js'
import { readBytes, readPositive, readPositives } from '../flags.js'
import { printReport } from '../report.js'
import { addBenchAppend } from './bench-append.js'

interface BenchFlags {
  readonly payload: number
  readonly rounds: number
  readonly dir: string
  readonly json?: true
}

interface FsyncFlags extends BenchFlags {
  readonly operations: number
}

interface ClusterFlags extends BenchFlags, EncryptionFlags {
  readonly clients: readonly number[]
  readonly seconds: number
  readonly connections: number
  readonly durability: string
  readonly against?: 'etcd'
}

/** `clustor bench`: measures here. The measuring code is in bench/. */
export function addBench(program: Command, context: CommandContext): void {
  const bench = program.command('bench').description('measure on this machine')
  addBenchFsync(bench, context)
  addBenchAppend(bench, context)
  addBenchCluster(bench, context)
}

function addBenchFsync(bench: Command, context: CommandContext): void {
  const command = bench
    .command('fsync')
    .description('the raw system calls of this disk: one file and two, preallocated and growing')
    .option('--operations <count>', 'durable writes of a loop in a round', readPositive, 300)
  addBenchFlags(command, 5).action(async (flags: FsyncFlags) => {
    const { payload: payloadBytes, rounds, operations } = flags
    const report = await benchFsync({
      ...surroundings(flags, context),
      payloadBytes,
      rounds,
      operations,
    })
    printReport(report, formatFsyncReport, flags, context)
  })
}

function addBenchCluster(bench: Command, context: CommandContext): void {
  const command = bench
    .command('cluster')
    .description('three node processes under clients that each wait for their answer')
    .option('--clients <counts>', 'clients, with commas', readPositives, [1, 64, 256, 1000])
    .option(
      '--seconds <count>',
      'measured seconds of a load, after one of warm-up',
      readPositive,
      2,
    )
    .option('--connections <count>', 'connections of the loading process', readPositive, 4)
    .addOption(
      new Option('--durability <mode>', 'how the nodes sync')
        .choices(['strict', 'group'])
        .default('group'),
    )
    .addOption(
      new Option('--against <system>', 'measure another system in the same rounds').choices([
        'etcd',
      ]),
    )
  addEncryptionFlags(addBenchFlags(command, 3)).action(async (flags: ClusterFlags) => {
    await withKeys(flags, (keysFile) => runBenchCluster(flags, keysFile, context))
  })
}

async function runBenchCluster(
  flags: ClusterFlags,
  keysFile: string | null,
  context: CommandContext,
): Promise<void> {
  const missing = flags.against === 'etcd' ? await whatIsMissing() : null
  if (missing !== null) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `--against etcd is not possible: ${missing}`)
  }
  const { payload: payloadBytes, rounds, clients, seconds, connections } = flags
  const report = await benchCluster({
    ...surroundings(flags, context),
    payloadBytes,
    rounds,
    clients,
    seconds,
    connections,
    nodeFlags: [`--durability=${flags.durability}`, ...nodeFlagsOf(flags, keysFile)],
    against: flags.against === undefined ? [] : [flags.against],
  })
  printReport(report, formatReport, flags, context)
}

function addBenchFlags(command: Command, roundsDefault: number): Command {
  return command
    .option('--payload <size>', 'size of a write', readBytes, 256)
    .option('--rounds <count>', 'rounds; medians are over them', readPositive, roundsDefault)
    .option('--dir <directory>', 'whose disk is measured; what is made there is removed', tmpdir())
    .option('--json', 'print JSON')
}

interface Surroundings {
  readonly directory: string
  readonly onProgress: (text: string) => void
  readonly signal: AbortSignal
}

function surroundings(flags: BenchFlags, { output, signal }: CommandContext): Surroundings {
  return { directory: flags.dir, onProgress: (text) => output.note(text), signal }
}
