import { envelopeBytesMax } from '../apply/command.js'
import type { Options } from '../config/options.js'
import { tickCounts } from '../config/tick-counts.js'
import type { CoreOptions } from '../raft/ready.js'
import type { BatchWindowLimits } from './batch-window.js'

/** The options that a replica reads. All of them have a row in src/config/options.ts. */
export type ReplicaSettings = Pick<
  Options,
  | 'tickMs'
  | 'electionTimeoutMsMin'
  | 'electionTimeoutMsMax'
  | 'heartbeatMs'
  | 'preVote'
  | 'checkQuorum'
  | 'leaseMs'
  | 'leaseDriftMs'
  | 'longestLogWaitMs'
  | 'quiesceMs'
  | 'electionBiasMs'
  | 'highRoundTripMs'
  | 'loopStallMsMax'
  | 'promotionLagEntriesMax'
  | 'promotionRounds'
  | 'inflightMessagesMax'
  | 'inflightBytesMax'
  | 'appendBytesMax'
  | 'uncommittedBytesMax'
  | 'applyBytesMax'
  | 'payloadBytesMax'
  | 'proposalBytesMax'
  | 'proposalQueueMax'
  | 'requestTimeoutMs'
  | 'sessionsMax'
  | 'sessionResultsMax'
>

/** Most proposals in one batch. */
export const batchCountMax = 16_384
/** Ticks between two looks at deadlines: a deadline is kept to within this. */
export const deadlineTicks = 5
/** Ticks between two attempts to write again what a full disk refused. */
export const diskRetryTicks = 10

/** How old a leadership is, at least, when it is handed over on request. */
const leadershipMsMin = 750

/** Largest proposal, bytes: with its envelope it must fit into an entry. */
export function proposalLimitBytes(
  settings: Pick<ReplicaSettings, 'payloadBytesMax' | 'proposalBytesMax'>,
): number {
  return Math.min(settings.proposalBytesMax, settings.payloadBytesMax - envelopeBytesMax)
}

type CoreTiming = Omit<CoreOptions, 'id' | 'voters' | 'random' | 'recovered'>

/** How many batches of proposals may be uncommitted. So few bytes that the core refuses none for being too many. */
export function batchWindowLimits(settings: ReplicaSettings): BatchWindowLimits {
  const { inflightMessagesMax, inflightBytesMax, uncommittedBytesMax } = settings
  const bytesMax = Math.min(inflightBytesMax, uncommittedBytesMax / 2)
  return { batchesMax: inflightMessagesMax, bytesMax }
}

/** The core's options from those of the configuration; durations become ticks, rounded up. */
export function coreOptions(settings: ReplicaSettings): CoreTiming {
  return {
    ...tickCounts(settings),
    preVote: settings.preVote,
    checkQuorum: settings.checkQuorum,
    promotionLagEntriesMax: settings.promotionLagEntriesMax,
    promotionRounds: settings.promotionRounds,
    appendBytesMax: settings.appendBytesMax,
    inflightMessagesMax: settings.inflightMessagesMax,
    inflightBytesMax: settings.inflightBytesMax,
    uncommittedBytesMax: settings.uncommittedBytesMax,
    committedBytesMax: settings.applyBytesMax,
    leaderTicksMin: Math.ceil(leadershipMsMin / settings.tickMs),
    applyingBytesMax: 4 * settings.applyBytesMax,
  }
}
