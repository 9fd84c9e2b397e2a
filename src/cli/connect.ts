import { Client } from '../client.js'
import type { CommandContext } from './context.js'
import type { ClientFlags } from './flags.js'

/** Connects to the cluster that the flags name.
 *  @throws ERR_UNAVAILABLE when no endpoint answers in time. */
export function connect(flags: ClientFlags, context: CommandContext): Promise<Client> {
  return Client.connect({
    endpoints: flags.endpoints,
    requestTimeoutMs: flags.timeout,
    signal: context.signal,
  })
}
