import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import { resolveOptions } from '../../src/config/resolve.js'
import type { ReplicaSettings } from '../../src/replica/settings.js'

const defaults = resolveOptions([])

/** A short lease ends before a successor, who should not be there yet, has committed anything; a long one lasts while it does. */
const lease = (long: boolean): Partial<ReplicaSettings> =>
  long
    ? { leaseMs: 230, heartbeatMs: 20, electionTimeoutMsMin: 300, electionTimeoutMsMax: 450 }
    : { leaseMs: 60 }

/** Settings of all nodes of a cluster. Small limits, below those of the options, make pages and windows of few entries. A lease is
 *  as long as the clocks of the simulator, which drift by 20 %, leave room for. */
export function drawSettings(random: Random): ReplicaSettings {
  const isTrueIn = (part: number): boolean => integerBetween(random, 1, part) < part
  return {
    ...defaults,
    preVote: isTrueIn(3),
    checkQuorum: isTrueIn(4),
    ...(isTrueIn(2) ? {} : { appendBytesMax: 100, inflightMessagesMax: 2 }),
    ...(isTrueIn(4) ? {} : { applyBytesMax: 150 }),
    ...(isTrueIn(3) ? {} : { ...lease(isTrueIn(3)), checkQuorum: true }),
    ...(isTrueIn(4) ? {} : { longestLogWaitMs: 50 }),
    ...(isTrueIn(4) ? {} : { promotionLagEntriesMax: 3, checkQuorum: true }),
  }
}

/** Whether a replay may take several turns of the event loop. */
export const replaysInTurns = ({ applyBytesMax }: ReplicaSettings): boolean =>
  applyBytesMax < defaults.applyBytesMax
