import type { Options } from './options.js'

type Timing = Pick<
  Options,
  | 'tickMs'
  | 'heartbeatMs'
  | 'electionTimeoutMsMin'
  | 'electionTimeoutMsMax'
  | 'leaseMs'
  | 'leaseDriftMs'
  | 'longestLogWaitMs'
  | 'quiesceMs'
  | 'electionBiasMs'
  | 'highRoundTripMs'
>

/** The durations of the Raft core, in ticks. */
export interface TickCounts {
  readonly heartbeatTicks: number
  readonly electionTicksMin: number
  readonly electionTicksMax: number
  readonly leaseTicks: number
  readonly leaseDriftTicks: number
  readonly longestLogWaitTicks: number
  readonly quiesceTicks: number
  readonly electionBiasTicks: number
  readonly highRoundTripTicks: number
}

/** Turns durations into ticks, rounded up. */
export function tickCounts(timing: Timing): TickCounts {
  const ticks = (durationMs: number): number => Math.ceil(durationMs / timing.tickMs)
  const heartbeatTicks = ticks(timing.heartbeatMs)
  const electionTicksMin = Math.max(heartbeatTicks + 1, ticks(timing.electionTimeoutMsMin))
  return {
    heartbeatTicks,
    electionTicksMin,
    electionTicksMax: Math.max(electionTicksMin, ticks(timing.electionTimeoutMsMax)),
    leaseTicks: ticks(timing.leaseMs),
    leaseDriftTicks: ticks(timing.leaseDriftMs),
    quiesceTicks: ticks(timing.quiesceMs),
    electionBiasTicks: ticks(timing.electionBiasMs),
    // A round trip that is shorter than every election timeout needs no longer one.
    highRoundTripTicks:
      timing.highRoundTripMs === 0 ? 0 : Math.max(electionTicksMin, ticks(timing.highRoundTripMs)),
    // Below the shortest timeout, whatever the length of a tick.
    longestLogWaitTicks: Math.min(ticks(timing.longestLogWaitMs), electionTicksMin - 1),
  }
}

/** Ticks by which the shortest election timeout exceeds what a lease needs: itself, the drift of the clocks, a
 *  heartbeat and one tick for its answer (dissertation §6.4.1). A lease is safe only when this is more than 0. */
export function leaseMarginTicks(timing: Timing): number {
  const { electionTicksMin, heartbeatTicks, leaseTicks, leaseDriftTicks } = tickCounts(timing)
  return electionTicksMin - (leaseTicks + leaseDriftTicks + heartbeatTicks + 1)
}
