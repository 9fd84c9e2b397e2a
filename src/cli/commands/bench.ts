import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { Option } from 'commander'
import { whatIsMissing } from '../../../bench/cluster/etcd.js'
import { formatReport } from '../../../bench/cluster/format.js'
import { benchCluster } from '../../../bench/cluster/run.js'
import { ClustorError } from '../../base/errors.js'
import type { CommandContext } from '../context.js'
import { readBytes, readPositive, readPositives } from '../flags.js'
import { formatTable } from '../tables.js'

interface ClusterFlags {
  readonly clients: readonly number[]
  readonly payload: number
  readonly rounds: number
  readonly seconds: number
  readonly connections: number
  readonly durability: string
  readonly against?: 'etcd'
  readonly dir: string
  readonly json?: true
}

/** `clustor bench`: measures here. */
export function addBench(program: Command, context: CommandContext): void {
  const bench = program.command('bench').description('measure on this machine')
  addBenchCluster(bench, context)
}

function addBenchCluster(bench: Command, context: CommandContext): void {
  bench
    .command('cluster')
    .description('three node processes under clients that each wait for their answer')
    .option(
      '--clients <counts>',
      'numbers of clients, with commas',
      readPositives,
      [1, 64, 256, 1000],
    )
    .option('--payload <size>', 'size of a value', readBytes, 256)
    .option('--rounds <count>', 'rounds; medians are over them', readPositive, 3)
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
    .option('--dir <directory>', 'where the nodes keep their data; its disk is measured', tmpdir())
    .option('--json', 'print JSON')
    .action(async (flags: ClusterFlags) => {
      await runBenchCluster(flags, context)
    })
}

async function runBenchCluster(flags: ClusterFlags, context: CommandContext): Promise<void> {
  const { output, signal } = context
  const missing = flags.against === 'etcd' ? await whatIsMissing() : null
  if (missing !== null) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `--against etcd is not possible: ${missing}`)
  }
  const report = await benchCluster({
    directory: flags.dir,
    clients: flags.clients,
    payloadBytes: flags.payload,
    rounds: flags.rounds,
    seconds: flags.seconds,
    connections: flags.connections,
    nodeFlags: [`--durability=${flags.durability}`],
    against: flags.against === undefined ? [] : [flags.against],
    onProgress: (text) => {
      output.note(text)
    },
    signal,
  })
  if (flags.json) {
    output.json(report)
    return
  }
  const { notes, tables } = formatReport(report)
  for (const note of notes) output.line(note)
  for (const { title, head, rows } of tables) {
    output.line()
    output.line(output.bold(title))
    output.line(formatTable(head, rows, output, head.slice(1)))
  }
}
