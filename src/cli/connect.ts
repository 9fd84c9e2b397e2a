import { Client, ClustorError } from '../client.js'
import type { CommandContext } from './context.js'
import type { ClientFlags } from './flags.js'
import { defaultEndpoints } from './flags.js'

/** Connects to the cluster that the flags name.
 *  @throws ERR_UNAVAILABLE when no endpoint answers in time; ERR_CLUSTER_MISMATCH when it is not the cluster of `--cluster`. */
export async function connect(flags: ClientFlags, context: CommandContext): Promise<Client> {
  try {
    return await Client.connect({
      endpoints: flags.endpoints,
      cluster: flags.cluster,
      requestTimeoutMs: flags.timeout,
      signal: context.signal,
    })
  } catch (error) {
    const unavailable = error instanceof ClustorError && error.code === 'ERR_UNAVAILABLE'
    if (!unavailable || flags.endpoints !== defaultEndpoints) throw error
    const message = `${error.message}; start a cluster with clustor dev, or name one with --endpoints`
    throw new ClustorError('ERR_UNAVAILABLE', message, { cause: error, fields: error.fields })
  }
}
