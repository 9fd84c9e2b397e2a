import { parse, TomlError } from 'smol-toml'
import { ClustorError } from '../base/errors.js'
import { nearMiss } from './near-miss.js'
import type { ConfigLayer } from './node-config.js'
import { settingNames } from './node-config.js'
import { aliasName, environmentName } from './option-names.js'
import { optionNames } from './options.js'
import type { OptionLayer } from './resolve.js'

/** Reads the text of a configuration file: settings at the top, `[members.NAME]`, `[options]`.
 *  @param path only repeated in refusals, as `path:line`.
 *  @throws ERR_INVALID_ARGUMENT with fields path, line and column when the text is not TOML. */
export function fileLayer(text: string, path: string): ConfigLayer {
  const { options = {}, ...settings } = parseToml(text, path)
  const lines = keyLines(text)
  const source = (name: string): string => {
    const line = lines.get(name) ?? lines.get(`options.${name}`) ?? lines.get(`[${name}`)
    return line === undefined ? path : `${path}:${line}`
  }
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ClustorError('ERR_INVALID_ARGUMENT', `${source('options')}: options must be a table`)
  }
  return { source, settings, options: options as Record<string, unknown> }
}

/** Picks the variables of clustor out of an environment. Variables that start like ours and are unknown are left alone,
 *  because orchestrators invent such names (CLUSTOR_SERVICE_HOST); one that nearly spells an option is refused.
 *  @throws ERR_INVALID_ARGUMENT naming the variable and what was probably meant. */
export function environmentLayer(
  environment: Readonly<Record<string, string | undefined>>,
): ConfigLayer {
  const settings = pick(settingNames, environment)
  const aliases = aliasValues(environment)
  const own = pick(optionNames, environment)
  const names = [...[...settingNames, ...optionNames].map(environmentName), ...aliasVariables]
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('CLUSTOR_') || names.includes(name) || ownVariables.includes(name))
      continue
    const meant = nearMiss(
      name.slice('CLUSTOR_'.length),
      names.map((known) => known.slice('CLUSTOR_'.length)),
    )
    if (meant === null) continue
    const message = `unknown environment variable ${name}; did you mean CLUSTOR_${meant}?`
    throw new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { variable: name } })
  }
  const source = (name: string): string =>
    (name in own ? null : aliases.get(name)?.variable) ?? environmentName(name)
  return { source, settings, options: { ...plainValues(aliases), ...own } }
}

/** The options that an environment names by their older variables (CLUSTOR_LOG_ENCODING, CLUSTOR_WAL_CODEC), and nothing
 *  else: calls of JavaScript heed these where they name no value themselves. */
export function aliasLayer(
  environment: Readonly<Record<string, string | undefined>>,
): OptionLayer & { readonly source: (name: string) => string } {
  const aliases = aliasValues(environment)
  return {
    source: (name) => aliases.get(name)?.variable ?? environmentName(name),
    values: plainValues(aliases),
  }
}

interface AliasValue {
  readonly variable: string
  readonly value: string
}

const aliasVariables = optionNames.flatMap((name) => aliasName(name) ?? [])

function aliasValues(
  environment: Readonly<Record<string, string | undefined>>,
): ReadonlyMap<string, AliasValue> {
  const values = new Map<string, AliasValue>()
  for (const name of optionNames) {
    const variable = aliasName(name)
    const value = variable === null ? undefined : environment[variable]
    if (variable === null || value === undefined || value === '') continue
    values.set(name, { variable, value: value.toLowerCase() })
  }
  return values
}

const plainValues = (aliases: ReadonlyMap<string, AliasValue>): Record<string, string> =>
  Object.fromEntries([...aliases].map(([name, { value }]) => [name, value]))

/** Variables that are ours without being an option of a node: the command reads them. */
const ownVariables = ['CLUSTOR_ENDPOINTS', 'CLUSTOR_PARTITION']

function pick(
  names: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = environment[environmentName(name)]
    if (value !== undefined && value !== '') picked[name] = value
  }
  return picked
}

function parseToml(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const [reason = 'not TOML'] = error.message.split('\n')
    const place = `${path}:${error.line}:${error.column}`
    throw new ClustorError('ERR_INVALID_ARGUMENT', `${place}: ${reason}`, {
      cause: error,
      fields: { path, line: error.line, column: error.column },
    })
  }
}

/** Where each key stands, as `table.key`; tables as `[name`. The text is known to be valid TOML. */
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>()
  let table = ''
  for (const [position, line] of text.split('\n').entries()) {
    const header = /^\s*\[+\s*([^\]]+?)\s*\]/.exec(line)?.[1]
    if (header !== undefined) {
      table = `${header}.`
      const [top = header] = header.split('.')
      if (!lines.has(`[${top}`)) lines.set(`[${top}`, position + 1)
      continue
    }
    const key = /^\s*"?([A-Za-z0-9_.-]+)"?\s*=/.exec(line)?.[1]
    if (key !== undefined && !lines.has(table + key)) lines.set(table + key, position + 1)
  }
  return lines
}
