import type { Command } from 'commander'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags, readPositive } from '../flags.js'
import { valueFields } from '../value-fields.js'

interface ScanFlags extends ClientFlags {
  readonly from?: string
  readonly to?: string
  readonly limit?: number
  readonly keys?: true
  readonly values?: true
  readonly count?: true
  readonly local?: true
}

interface Row {
  readonly key: string
  readonly value: Uint8Array
  readonly version: number
}

/** `clustor scan [PREFIX]`: lists keys in order. */
export function addScan(program: Command, context: CommandContext): void {
  const command = program
    .command('scan')
    .description('list keys in order, a page at a time')
    .argument('[prefix]', 'only keys that begin like this')
    .option('--from <key>', 'begin at this key')
    .option('--to <key>', 'end before this key')
    .option('--limit <count>', 'print at most so many', readPositive)
    .option('--keys', 'print keys only')
    .option('--values', 'print values only, a line each')
    .option('--count', 'print how many there are')
    .option('--local', 'read the state of the first reachable node, which may be stale')
  addClientFlags(command, context).action(async (prefix: string | undefined, flags: ScanFlags) => {
    await using client = await connect(flags, context)
    const range = {
      ...(prefix === undefined ? {} : { prefix }),
      ...(flags.from === undefined ? {} : { from: flags.from }),
      ...(flags.to === undefined ? {} : { to: flags.to }),
    }
    const store = client.keyValue(flags.partition)
    const consistency = flags.local ? 'local' : 'linearizable'
    const settings = { consistency, signal: context.signal } as const
    if (flags.count) {
      const count = await store.count(range, settings)
      if (flags.json) context.output.json({ count })
      else context.output.line(String(count))
      return
    }
    let printed = 0
    for await (const row of store.scan(range, { ...settings, limit: flags.limit ?? Infinity })) {
      await context.output.write(`${formatRow(row, flags)}\n`)
      printed += 1
    }
    if (printed === 0) context.output.note('no keys')
  })
}

function formatRow({ key, value, version }: Row, flags: ScanFlags): string {
  if (flags.json) return JSON.stringify({ key, version, ...valueFields(value) })
  if (flags.keys) return key
  const text = Buffer.from(value).toString()
  return flags.values ? text : `${key}\t${text}`
}
