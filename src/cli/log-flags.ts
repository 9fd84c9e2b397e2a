import type { Command } from 'commander'
import { ClustorError } from '../base/errors.js'
import type { InspectOptions } from '../log.js'
import { KeyRing } from '../log.js'
import { findLogDirectories } from './log-directories.js'

/** The flags of every command that looks into a data directory. */
export interface LogFlags {
  readonly keys?: string
  readonly allowPlain?: true
  readonly json?: true
}

export const directoryArgument = 'the data directory of a node, or of one partition'

/** Adds the flags of a command that looks into a data directory. */
export function addLogFlags(command: Command, json: string): Command {
  return command
    .option('--keys <file>', 'key file of an encrypted log')
    .option('--allow-plain', 'with --keys: segments from before the log had keys are no offence')
    .option('--json', `print JSON${json}`)
}

/** Runs something with the keys that the flags name, and zeroes them afterwards. */
export async function withKeyFile<Result>(
  { keys: path, allowPlain }: Pick<LogFlags, 'keys' | 'allowPlain'>,
  run: (options: InspectOptions) => Promise<Result>,
): Promise<Result> {
  if (path === undefined) return await run({})
  using keys = KeyRing.fromFile(path, { allowPlain })
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
