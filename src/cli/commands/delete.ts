import type { Command } from 'commander'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags } from '../flags.js'

/** `clustor delete KEY`: removes a key. */
export function addDelete(program: Command, context: CommandContext): void {
  const command = program
    .command('delete')
    .description('remove a key; removing an absent key succeeds')
    .argument('<key>')
  addClientFlags(command, context).action(async (key: string, flags: ClientFlags) => {
    await using client = await connect(flags, context)
    const { signal, output } = context
    const result = await client.keyValue(flags.partition).delete(key, { signal })
    if (flags.json) output.json({ key, ...result })
    else output.line(`${key} ${result.previousVersion === 0 ? 'did not exist' : 'is deleted'}`)
  })
}
