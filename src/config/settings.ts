import { ClustorError } from '../base/errors.js'
import { didYouMean } from './near-miss.js'

/** The two addresses of a node. */
export interface MemberInput {
  readonly listen: string | undefined
  readonly clientListen: string | undefined
}

/** One node of the cluster as every node knows it. */
export interface Member {
  readonly name: string
  /** Address for the other nodes, `host:port`. */
  readonly listen: string
  /** Address for clients, `host:port`. */
  readonly clientListen: string
  /** Numeric id on disk and wire: given, or 1 + the position of the name in the sorted names. */
  readonly replica: number
  /** Whether the cluster began without it. */
  readonly joins: boolean
}

/** A name of a cluster, node or partition: it becomes a directory and travels in handshakes. */
export function readName(setting: string, value: unknown, source: string): string {
  if (typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(value)) return value
  const wanted = 'a name of at most 63 letters, digits, dots, dashes or underscores'
  throw refusal(setting, value, source, wanted)
}

/** A directory path. */
export function readDirectory(setting: string, value: unknown, source: string): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw refusal(setting, value, source, 'a path')
}

/** An address `host:port`; an IPv6 host stands in brackets. */
export function readAddress(setting: string, value: unknown, source: string): string {
  if (typeof value === 'string' && isAddress(value)) return value
  throw refusal(setting, value, source, 'host:port, for example 127.0.0.1:26021')
}

/** A list of names: an array, or a text with commas. */
export function readNames(setting: string, value: unknown, source: string): string[] {
  const list: unknown = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(list) || list.length === 0) {
    throw refusal(setting, value, source, 'a list of names')
  }
  const names = list.map((name: unknown) => readName(setting, name, source))
  if (new Set(names).size === names.length) return names
  throw refusal(setting, value, source, 'a list in which no name stands twice')
}

/** The members: a table by name, or texts `name=listen/clientListen`. Returned sorted by name.
 *  @throws ERR_INVALID_ARGUMENT for an unknown key, a shared address or a shared replica id. */
export function readMembers(setting: string, value: unknown, source: string): Member[] {
  const table = isTable(value) ? value : membersFromText(setting, value, source)
  const names = Object.keys(table).sort()
  if (names.length === 0) throw refusal(setting, value, source, 'a table of at least one node')
  const members = names.map((name, position) =>
    readMember(readName(`${setting} name`, name, source), table[name], position + 1, source),
  )
  checkDistinct(members, source)
  if (members.every(({ joins }) => joins)) {
    throw refusal(setting, value, source, 'a table with a member that does not join')
  }
  return members
}

function readMember(name: string, value: unknown, position: number, source: string): Member {
  const setting = `members.${name}`
  if (!isTable(value)) {
    throw refusal(setting, value, source, '{ listen = "host:port", clientListen = "host:port" }')
  }
  for (const key of Object.keys(value)) {
    if (!memberKeys.includes(key)) throw unknownKey(`${setting}.${key}`, key, source)
  }
  const { listen, clientListen, replica = position, joins = false } = value
  if (typeof replica !== 'number' || !Number.isSafeInteger(replica) || replica < 1) {
    throw refusal(`${setting}.replica`, replica, source, 'a whole number of at least 1')
  }
  if (typeof joins !== 'boolean') {
    throw refusal(`${setting}.joins`, joins, source, 'true or false')
  }
  return {
    name,
    listen: readAddress(`${setting}.listen`, listen, source),
    clientListen: readAddress(`${setting}.clientListen`, clientListen, source),
    replica,
    joins,
  }
}

const memberKeys = ['listen', 'clientListen', 'replica', 'joins']

function membersFromText(setting: string, value: unknown, source: string): Record<string, unknown> {
  const texts: unknown = typeof value === 'string' ? value.split(',') : value
  if (!Array.isArray(texts)) throw refusal(setting, value, source, 'a table of nodes')
  const table: Record<string, unknown> = {}
  for (const text of texts) {
    const match = typeof text === 'string' ? /^([^=]+)=([^/]+)\/(.+)$/.exec(text) : null
    const [, name = '', listen, clientListen] = match ?? []
    if (match === null) throw refusal(setting, text, source, 'name=listen/clientListen')
    if (name in table) throw refusal(setting, text, source, 'a list in which no name stands twice')
    table[name] = { listen, clientListen }
  }
  return table
}

function checkDistinct(members: readonly Member[], source: string): void {
  const seen = new Map<string, string>()
  for (const member of members) {
    // Port 0 asks for any free port, so two of them do not clash.
    const addresses = [member.listen, member.clientListen].filter((text) => !text.endsWith(':0'))
    const taken = [...addresses, `replica ${member.replica}`]
    for (const thing of taken) {
      const other = seen.get(thing)
      if (other !== undefined) {
        const message = `members in ${source}: ${thing} is used by ${other} and by ${member.name}`
        throw new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { setting: 'members' } })
      }
      seen.set(thing, member.name)
    }
  }
}

function isAddress(text: string): boolean {
  const match = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(text)
  return match !== null && Number(match[1]) <= 65_535
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownKey(path: string, key: string, source: string): ClustorError {
  const message = `unknown key ${path} in ${source}${didYouMean(key, memberKeys)}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { setting: path, source } })
}

function refusal(setting: string, value: unknown, source: string, wanted: string): ClustorError {
  const shown = value === undefined ? 'missing' : JSON.stringify(value)
  const message = `${setting} in ${source} is ${shown}; it must be ${wanted}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { setting, value, source, wanted },
  })
}
