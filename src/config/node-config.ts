import { ClustorError } from '../base/errors.js'
import { didYouMean } from './near-miss.js'
import type { OptionLayer } from './resolve.js'
import { resolveOptions } from './resolve.js'
import type { Options } from './options.js'
import type { Member, MemberInput } from './settings.js'
import { readAddress, readDirectory, readMembers, readName, readNames } from './settings.js'

/** Everything a node process needs to know to start. */
export interface NodeConfig {
  /** The cluster's name; nodes of another cluster are refused. */
  readonly cluster: string
  /** This node's name, one of the members. */
  readonly nodeId: string
  readonly dataDir: string
  /** File of the keys that encrypt the logs; null: they are not encrypted. */
  readonly keysFile: string | null
  /** Address for the other nodes, `host:port`. */
  readonly listen: string
  /** Address for clients, `host:port`. */
  readonly clientListen: string
  /** All members, sorted by name, this node among them. */
  readonly members: readonly Member[]
  readonly partitions: readonly string[]
  readonly options: Options
}

/** The settings of a node, with the sentence that documentation and `--help` show. */
export const settingTable = {
  cluster: 'Name of the cluster; nodes of another cluster are refused.',
  nodeId: 'Name of this node, one of the members.',
  dataDir: 'Directory of this node; created when missing.',
  keysFile:
    'File of the keys that encrypt and seal the logs, made by `clustor keys create`; none: plain logs.',
  listen: 'Address for the other nodes, host:port; by default the one in the members table.',
  clientListen: 'Address for clients, host:port; by default the one in the members table.',
  members: 'All nodes of the cluster: name, listen, clientListen.',
  partitions: 'Names of the partitions this cluster replicates.',
} as const

/** The name of a setting. */
export type SettingName = keyof typeof settingTable
/** All setting names. */
export const settingNames = Object.keys(settingTable) as SettingName[]

/** Settings and options from one place: a file, the environment, flags. */
export interface ConfigLayer {
  readonly source: (name: string) => string
  readonly settings: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
}

interface Given {
  readonly value: unknown
  readonly source: string
}

/** Merges layers, later ones winning, and checks everything.
 *  @throws ERR_INVALID_ARGUMENT naming setting, value and source; an unknown name with its near miss. */
export function resolveNodeConfig(layers: readonly ConfigLayer[]): NodeConfig {
  const given = mergeSettings(layers)
  const optionLayers: OptionLayer[] = layers.map(({ source, options }) => ({
    source,
    values: options,
  }))
  const options = resolveOptions(optionLayers)
  const nodeId = required(given, 'nodeId', readName)
  const addresses = {
    listen: optional(given, 'listen', readAddress),
    clientListen: optional(given, 'clientListen', readAddress),
  }
  const members = optional(given, 'members', readMembers) ?? [alone(nodeId, addresses)]
  const self = members.find((member) => member.name === nodeId)
  if (self === undefined) throw notAMember(nodeId, members)
  return {
    cluster: required(given, 'cluster', readName),
    nodeId,
    dataDir: required(given, 'dataDir', readDirectory),
    keysFile: optional(given, 'keysFile', readDirectory) ?? null,
    listen: addresses.listen ?? self.listen,
    clientListen: addresses.clientListen ?? self.clientListen,
    members,
    partitions: optional(given, 'partitions', readNames) ?? ['default'],
    options,
  }
}

function mergeSettings(layers: readonly ConfigLayer[]): Map<string, Given> {
  const merged = new Map<string, Given>()
  const known = new Set<string>(settingNames)
  for (const { source, settings } of layers) {
    for (const [name, value] of Object.entries(settings)) {
      if (value === undefined) continue
      if (!known.has(name)) throw unknownSetting(name, source(name))
      merged.set(name, { value, source: source(name) })
    }
  }
  return merged
}

function optional<Value>(
  given: ReadonlyMap<string, Given>,
  name: SettingName,
  read: (name: string, value: unknown, source: string) => Value,
): Value | undefined {
  const found = given.get(name)
  return found === undefined ? undefined : read(name, found.value, found.source)
}

function required<Value>(
  given: ReadonlyMap<string, Given>,
  name: SettingName,
  read: (name: string, value: unknown, source: string) => Value,
): Value {
  const value = optional(given, name, read)
  if (value !== undefined) return value
  throw new ClustorError('ERR_INVALID_ARGUMENT', `${name} is missing: ${settingTable[name]}`, {
    fields: { setting: name },
  })
}

/** A cluster of one node needs no members table, only its own addresses. */
function alone(name: string, addresses: Partial<MemberInput>): Member {
  const { listen, clientListen } = addresses
  if (listen !== undefined && clientListen !== undefined) {
    return { name, listen, clientListen, replica: 1, joins: false }
  }
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    'members is missing; a node without members needs both listen and clientListen',
    { fields: { setting: 'members' } },
  )
}

function unknownSetting(name: string, source: string): ClustorError {
  const message = `unknown setting ${name} in ${source}${didYouMean(name, settingNames)}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { setting: name, source } })
}

function notAMember(nodeId: string, members: readonly Member[]): ClustorError {
  const names = members.map((member) => member.name).join(', ')
  const message = `nodeId ${nodeId} is not one of the members (${names})`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { setting: 'nodeId', value: nodeId },
  })
}
