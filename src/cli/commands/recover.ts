import type { Command } from 'commander'
import type { ForcedRecovery, Survivor } from '../../index.js'
import { ClustorError, forceRecovery, inspectSurvivor, mostAdvancedFirst } from '../../index.js'
import { confirm } from '../confirmation.js'
import type { CommandContext } from '../context.js'
import { findLogDirectories } from '../log-directories.js'
import type { LogFlags } from '../log-flags.js'
import { addLogFlags, directoryArgument, withKeyFile } from '../log-flags.js'
import type { Output } from '../output.js'
import { formatTable } from '../tables.js'

interface ForceFlags extends LogFlags {
  readonly yes?: true
}

/** `clustor recover`: goes on with what is left when a majority is lost for good. */
export function addRecover(program: Command, context: CommandContext): void {
  const recover = program
    .command('recover')
    .description('go on with what is left when a majority of the nodes is lost for good')
  const comparing = recover
    .command('compare')
    .description('say which survivor has the most advanced log; nothing is changed')
    .argument('<dirs...>', 'data directories of the survivors')
  addLogFlags(comparing, ', a line for each log').action(
    async (paths: string[], flags: LogFlags) => {
      await compare(paths, flags, context)
    },
  )
  const forcing = recover
    .command('force')
    .description('make the replicas of a stopped node the only voters of their partitions')
    .argument('<dir>', directoryArgument)
    .option('--yes', 'do it without asking')
  addLogFlags(forcing, ', a line for each log').action(async (path: string, flags: ForceFlags) => {
    await force(path, flags, context)
  })
}

async function compare(
  paths: readonly string[],
  flags: LogFlags,
  { output }: CommandContext,
): Promise<void> {
  const survivors = await inspectAll(paths, flags)
  for (const group of groupsOf(survivors)) {
    const ranked = mostAdvancedFirst(group)
    if (flags.json) for (const [rank, each] of ranked.entries()) output.json({ rank, ...each })
    else printRanking(ranked, output)
  }
}

async function inspectAll(paths: readonly string[], flags: LogFlags): Promise<Survivor[]> {
  const found = await Promise.all(paths.map((path) => findLogDirectories(path)))
  return withKeyFile(flags, (options) =>
    Promise.all(found.flat().map((directory) => inspectSurvivor(directory, options))),
  )
}

/** Survivors of the same partition. */
function groupsOf(survivors: readonly Survivor[]): Survivor[][] {
  const groups = new Map<string, Survivor[]>()
  for (const each of survivors) {
    const name = `${each.cluster}/${each.partition}`
    groups.set(name, [...(groups.get(name) ?? []), each])
  }
  return [...groups.values()]
}

function printRanking(ranked: readonly Survivor[], output: Output): void {
  const [best] = ranked
  if (best === undefined) return
  output.line(output.bold(`cluster ${best.cluster}, partition ${best.partition}`))
  const rows = ranked.map((each) => [
    each.directory,
    ...[each.replica, each.epoch, each.lastTerm, each.lastIndex, each.commitIndex].map(String),
    each.locked ? 'a process has it open' : '',
  ])
  const numbers = ['replica', 'epoch', 'last term', 'last index', 'known committed']
  output.line(formatTable(['log', ...numbers, ''], rows, output, numbers))
  output.line(`most advanced: ${best.directory}`)
}

async function force(path: string, flags: ForceFlags, context: CommandContext): Promise<void> {
  const { output } = context
  const survivors = await inspectAll([path], flags)
  for (const each of survivors) {
    if (each.locked) throw locked(each)
    for (const line of describe(each)) output.note(line)
  }
  const waiting = survivors.filter(({ isRecovered }) => !isRecovered)
  if (waiting.length > 0 && !flags.yes) await confirmAll(waiting, context)
  for (const each of survivors) {
    const made = each.isRecovered ? null : await forceOne(each, flags)
    if (flags.json) output.json({ ...each, forced: made })
    else output.line(`${each.directory}: ${outcomeOf(each, made)}`)
  }
}

/** What will be lost and what will count, before it is done. */
function describe(survivor: Survivor): string[] {
  const { directory, cluster, partition, replica, epoch, isRecovered } = survivor
  const { term, commitIndex, lastIndex, lastTerm } = survivor
  const head = `${directory}: cluster ${cluster}, partition ${partition}, replica ${replica}, epoch ${epoch}`
  if (isRecovered) return [head, `  recovered already, and not started since: nothing to do`]
  const counting =
    commitIndex < lastIndex
      ? `  from entry ${commitIndex + 1} to its last one, what it holds will count as committed, whether it was acknowledged or not`
      : '  every entry that it holds is known to be committed'
  return [
    head,
    `  term ${term}; the last entry is ${lastIndex}, of term ${lastTerm}; known to be committed up to ${commitIndex}`,
    counting,
    `  lost: entries from ${lastIndex + 1} on, as far as others acknowledged any; how many they are cannot be known from here`,
  ]
}

async function confirmAll(
  [first]: readonly Survivor[],
  { output, signal }: CommandContext,
): Promise<void> {
  output.note(
    'This replica alone will decide, and every other one of today will be refused for ever.',
  )
  output.note(
    'Be sure that no majority can come back, and that no survivor is more advanced (compare).',
  )
  const { stdin: input, stderr } = process
  await confirm(first?.cluster ?? '', { input, output: stderr, signal })
}

const outcomeOf = ({ replica }: Survivor, made: ForcedRecovery | null): string =>
  made === null
    ? 'was recovered already; nothing was changed'
    : `replica ${replica} is the only voter from entry ${made.index} of term ${made.term} on, in epoch ${made.epoch}`

function locked({ directory }: Survivor): ClustorError {
  const message = `${directory} is in use: stop its node first. Nothing was changed.`
  return new ClustorError('ERR_LOCKED', message, { fields: { path: directory } })
}

const forceOne = ({ directory }: Survivor, flags: ForceFlags): Promise<ForcedRecovery> =>
  withKeyFile(flags, (options) => forceRecovery(directory, options))
