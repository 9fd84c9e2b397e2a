import type { Command } from 'commander'
import { ClustorError } from '../base/errors.js'
import type { InspectOptions } from '../log.js'
import { KeyRing } from '../log.js'
import { findLogDirectories } from './log-directories.js'

/** The flags of every command that looks into a data directory. */
export interface LogFlags {
  readonly keys?: string
  readonly json?: true
}

export const directoryArgument = 'the data directory of a node, or of one partition'

/** Adds the flags of a command that looks into a data directory. */
export function addLogFlags(command: Command, json: string): Command {
  return command
    .option('--keys <file>', 'key file of an encrypted log')
    .option('--json', `print JSON${json}`)
}

/** Runs something with the keys that a flag names, and zeroes them afterwards. */
export async function withKeyFile<Result>(
  path: string | undefined,
  run: (options: InspectOptions) => Promise<Result>,
): Promise<Result> {
  if (path === undefined) return await run({})
  using keys = KeyRing.fromFile(path)
  return await run({ keys })
}

/** The one log of a directory.
 *  @throws ERR_INVALID_ARGUMENT when it holds none or several. */
export async function findOneLog(directory: string): Promise<string> {
  const found = await findLogDirectories(directory)
  const [first = directory] = found
  if (found.length === 1) return first
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `${directory} holds ${found.length} logs; name one of them: ${found.join(', ')}`,
    { fields: { path: directory } },
  )
}
