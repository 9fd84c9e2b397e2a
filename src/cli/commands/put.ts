import type { Command } from 'commander'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags, readCount } from '../flags.js'
import { readAll } from '../read-all.js'

interface PutFlags extends ClientFlags {
  readonly ifVersion?: number
}

/** `clustor put KEY VALUE`: sets a key of the built-in key-value machine. */
export function addPut(program: Command, context: CommandContext): void {
  const command = program
    .command('put')
    .description('set a key; resolves when a quorum has it on disk')
    .argument('<key>', 'UTF-8, at most 1 KiB')
    .argument('<value>', 'the value, or - to read it from standard input')
    .option('--if-version <version>', 'only if the key has this version; 0: is absent', readCount)
  addClientFlags(command, context).action(async (key: string, value: string, flags: PutFlags) => {
    await put(key, value, flags, context)
  })
}

async function put(
  key: string,
  value: string,
  flags: PutFlags,
  context: CommandContext,
): Promise<void> {
  const bytes = value === '-' ? await readAll(process.stdin, context.signal) : Buffer.from(value)
  await using client = await connect(flags, context)
  const store = client.keyValue(flags.partition)
  const { signal, output } = context
  const result =
    flags.ifVersion === undefined
      ? await store.put(key, bytes, { signal })
      : await store.compareAndSet(key, flags.ifVersion, bytes, { signal })
  if (flags.json) output.json({ key, ...result })
  else if (result.outcome === 'done') output.line(`${key} has version ${result.version}`)
  else output.note(`${key} has version ${result.previousVersion}; nothing was written`)
  if (result.outcome !== 'done') context.exitCode = exitCodes.failed
}
