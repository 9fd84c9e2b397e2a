import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { Option } from 'commander'
import { ClustorError } from '../../base/errors.js'
import { environmentLayer, fileLayer } from '../../config/config-layers.js'
import type { ConfigLayer, NodeConfig, SettingName } from '../../config/node-config.js'
import { resolveNodeConfig, settingNames, settingTable } from '../../config/node-config.js'
import type { OptionGroup, OptionName } from '../../config/options.js'
import { flagName } from '../../config/option-names.js'
import { optionNames, optionTable } from '../../config/options.js'
import { describeBounds, formatOption } from '../../config/resolve.js'
import type { CommandContext } from '../context.js'
import { runNode } from '../run-node.js'

interface StartFlags {
  readonly config?: string
  readonly validate?: true
  readonly json?: true
  readonly endWithStdin?: true
  readonly ephemeral?: true
}

/** Headings of `clustor start --help`. */
const groupTitles: Record<OptionGroup, string> = {
  log: 'Log options:',
  raft: 'Raft options:',
  transport: 'Connection options:',
  client: 'Client options:',
  sessions: 'Session options:',
  node: 'Node options:',
}

/** `clustor start`: runs one node until it is told to stop. Every setting and option of a node is also a flag. */
export function addStart(program: Command, context: CommandContext): void {
  const command = program
    .command('start')
    .description('run a node; flags win over the environment, which wins over the file')
    .option('-c, --config <file>', 'TOML file with the settings and options of the node')
    .option('--validate', 'check the configuration and end')
    .option('--json', 'print JSON')
    .addOption(new Option('--end-with-stdin', 'stop when standard input ends').hideHelp())
    .addOption(
      new Option('--ephemeral', 'as --end-with-stdin, then remove the data directory').hideHelp(),
    )
  for (const name of settingNames) command.addOption(settingFlag(name))
  for (const name of optionNames) command.addOption(optionFlag(name))
  command.action(async (flags: StartFlags) => {
    await start(flags, context)
  })
}

function settingFlag(name: SettingName): Option {
  const argument = name === 'members' ? '<name=listen/clientListen,...>' : '<value>'
  return new Option(`${flagName(name)} ${argument}`, settingTable[name]).helpGroup('Settings:')
}

function optionFlag(name: OptionName): Option {
  const row = optionTable[name]
  const bounds = `${formatOption(row, row.default)}; ${describeBounds(row)}`
  return new Option(`${flagName(name)} <value>`, `${row.doc} (${bounds})`).helpGroup(
    groupTitles[row.group],
  )
}

async function start(flags: StartFlags, context: CommandContext): Promise<void> {
  const config = await readConfig(flags, context.environment)
  if (!flags.validate) {
    await runNode(config, flags, context)
  } else if (flags.json) {
    context.output.json(config)
  } else {
    const { nodeId, cluster, members } = config
    const count = String(members.length)
    context.output.line(`valid: node ${nodeId} of cluster ${cluster}, ${count} members`)
  }
}

async function readConfig(flags: StartFlags, environment: NodeJS.ProcessEnv): Promise<NodeConfig> {
  const layers: ConfigLayer[] = []
  if (flags.config !== undefined) {
    layers.push(fileLayer(await readText(flags.config), flags.config))
  }
  layers.push(environmentLayer(environment), flagLayer(flags))
  return resolveNodeConfig(layers)
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ClustorError('ERR_INVALID_ARGUMENT', `--config ${path} cannot be read: ${reason}`, {
      cause: error,
      fields: { path },
    })
  }
}

// commander stores `--segment-bytes` under `segmentBytes`, the name in the tables.
function flagLayer(flags: StartFlags): ConfigLayer {
  const given = new Map<string, unknown>(Object.entries(flags))
  const pick = (names: readonly string[]): Record<string, unknown> =>
    Object.fromEntries(
      names.filter((name) => given.has(name)).map((name) => [name, given.get(name)]),
    )
  return { source: flagName, settings: pick(settingNames), options: pick(optionNames) }
}
