import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { parseBytes, parseCount, parseDuration } from '../config/units.js'
import type { CommandContext } from './context.js'

/** Where the first nodes of `clustor dev` listen for clients, so that commands find them without a flag. */
export const defaultEndpoints = ['127.0.0.1:26031', '127.0.0.1:26032', '127.0.0.1:26033']

/** The flags of every command that talks to a cluster. */
export interface ClientFlags {
  readonly endpoints: readonly string[]
  readonly partition: string
  /** Refuse any other cluster. */
  readonly cluster?: string
  /** Milliseconds. */
  readonly timeout: number
  readonly json?: true
}

/** Adds the flags of a command that talks to a cluster. */
export function addClientFlags(command: Command, { environment }: CommandContext): Command {
  const { CLUSTOR_ENDPOINTS: endpoints, CLUSTOR_PARTITION: partition } = environment
  return command
    .option(
      '-e, --endpoints <list>',
      'client addresses of nodes, any of them; also CLUSTOR_ENDPOINTS',
      readEndpoints,
      endpoints === undefined || endpoints === '' ? defaultEndpoints : endpoints.split(','),
    )
    .option('-p, --partition <name>', 'partition; also CLUSTOR_PARTITION', partition ?? 'default')
    .option('--cluster <name>', 'refuse nodes of any other cluster')
    .option('--timeout <duration>', 'deadline of a request', readDuration, 10_000)
    .option('--json', 'print JSON')
}

/** Reads `host:port,host:port`. */
export function readEndpoints(text: string): string[] {
  const endpoints = text.split(',').map((endpoint) => endpoint.trim())
  for (const endpoint of endpoints) {
    if (!/^.+:\d{1,5}$/.test(endpoint)) {
      throw new InvalidArgumentError(`"${endpoint}" is not host:port.`)
    }
  }
  return endpoints
}

/** Reads a duration flag into milliseconds. */
export function readDuration(text: string): number {
  const value = parseDuration(text)
  if (value !== null && value > 0) return value
  throw new InvalidArgumentError('It must be a duration such as 150ms, 2s or 1min.')
}

/** Reads a size flag into bytes. */
export function readBytes(text: string): number {
  const value = parseBytes(text)
  if (value !== null) return value
  throw new InvalidArgumentError('It must be a size such as 4096, 256B or 4KiB.')
}

/** Reads a whole number of at least 1. */
export function readPositive(text: string): number {
  const value = parseCount(text)
  if (value !== null && value >= 1) return value
  throw new InvalidArgumentError('It must be a whole number of at least 1.')
}

/** Reads a list of whole numbers of at least 1. */
export const readPositives = (text: string): number[] => text.split(',').map(readPositive)

/** Reads a whole number, 0 included. */
export function readCount(text: string): number {
  const value = parseCount(text)
  if (value !== null) return value
  throw new InvalidArgumentError('It must be a whole number.')
}

/** A reader of lists of words, each one of the choices; words that are there twice count once. */
export function readChoices<Choice extends string>(
  choices: readonly Choice[],
): (text: string) => Choice[] {
  const chosen = (word: string): Choice => {
    const choice = choices.find((each) => each === word)
    if (choice !== undefined) return choice
    throw new InvalidArgumentError(`"${word}" is none of ${choices.join(', ')}.`)
  }
  return (text) => [...new Set(text.split(',').map(chosen))]
}
