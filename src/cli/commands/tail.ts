import type { Command } from 'commander'
import { decodeCommand } from '../../apply/key-value-codec.js'
import { connect } from '../connect.js'
import type { CommandContext } from '../context.js'
import type { ClientFlags } from '../flags.js'
import { addClientFlags, readDuration, readPositive } from '../flags.js'
import { valueFields } from '../value-fields.js'

interface TailFlags extends ClientFlags {
  readonly from: number
  readonly limit?: number
  readonly idle?: number
}

interface Change {
  readonly index: number
  readonly term: number
  readonly payload: Uint8Array
}

/** `clustor tail`: streams committed entries as NDJSON, in log order. */
export function addTail(program: Command, context: CommandContext): void {
  const command = program
    .command('tail')
    .description('stream committed entries as NDJSON, in log order, until Ctrl-C')
    .option('--from <index>', 'first log index', readPositive, 1)
    .option('--limit <count>', 'end after so many entries', readPositive)
    .option('--idle <duration>', 'end when no entry comes for so long', readDuration)
  addClientFlags(command, context).action(async (flags: TailFlags) => {
    await tail(flags, context)
  })
}

async function tail(flags: TailFlags, context: CommandContext): Promise<void> {
  await using client = await connect(flags, context)
  using idle = new IdleTimer(flags.idle ?? null, context.signal)
  let printed = 0
  try {
    const changes = client.subscribe(flags.partition, { from: flags.from, signal: idle.signal })
    for await (const change of changes) {
      idle.restart()
      await context.output.write(`${JSON.stringify(describeChange(change))}\n`)
      printed += 1
      if (printed === flags.limit) break
    }
  } catch (error) {
    // Ctrl-C, a closed reader and an idle log are how a tail ends.
    if (!idle.signal.aborted) throw error
  }
}

/** An entry for people: key-value commands decoded, other payloads as they are. */
export function describeChange({ index, term, payload }: Change): Record<string, unknown> {
  const command = decodeCommand(payload)
  if (command === null) return { index, term, ...valueFields(payload) }
  const { kind, key } = command
  switch (kind) {
    case 'put':
      return { index, term, command: kind, key, ...valueFields(command.value) }
    case 'delete':
      return { index, term, command: kind, key }
    case 'compare-and-set': {
      const { expectedVersion, value } = command
      const fields = value === null ? { value } : valueFields(value)
      return { index, term, command: kind, key, expectedVersion, ...fields }
    }
  }
}

/** Aborts when nothing restarted it for a while, or when the outer signal does. */
class IdleTimer {
  readonly #idle = new AbortController()
  readonly #ms: number | null
  readonly signal: AbortSignal
  #timer: NodeJS.Timeout | null = null

  constructor(ms: number | null, outer: AbortSignal) {
    this.#ms = ms
    this.signal = AbortSignal.any([outer, this.#idle.signal])
    this.restart()
  }

  restart(): void {
    if (this.#ms === null) return
    if (this.#timer !== null) {
      this.#timer.refresh()
      return
    }
    this.#timer = setTimeout(() => {
      this.#idle.abort('idle')
    }, this.#ms)
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
  }
}
