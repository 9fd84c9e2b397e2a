import type { Command } from 'commander'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import { exitCodes } from '../exit-codes.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags } from '../flags.js'
import { valueFields } from '../value-fields.js'

interface GetFlags extends ClientFlags {
  readonly local?: true
  readonly raw?: true
}

/** `clustor get KEY`: reads a key. */
export function addGet(program: Command, context: CommandContext): void {
  const command = program
    .command('get')
    .description('read a key, linearizably unless --local')
    .argument('<key>')
    .option('--local', 'read the state of the first reachable node, which may be stale')
    .option('--raw', 'print the bytes of the value and nothing else, not even a line end')
  addClientFlags(command, context).action(async (key: string, flags: GetFlags) => {
    await get(key, flags, context)
  })
}

async function get(key: string, flags: GetFlags, context: CommandContext): Promise<void> {
  await using client = await connect(flags, context)
  const { signal, output } = context
  const consistency = flags.local ? 'local' : 'linearizable'
  const row = await client.keyValue(flags.partition).get(key, { signal, consistency })
  if (row === null) {
    context.exitCode = exitCodes.failed
    if (flags.json) output.json({ key, version: 0 })
    else output.note(`clustor: there is no key ${key}`)
  } else if (flags.json) {
    output.json({ key, version: row.version, ...valueFields(row.value) })
  } else {
    await output.write(row.value)
    if (!flags.raw) output.line()
  }
}
