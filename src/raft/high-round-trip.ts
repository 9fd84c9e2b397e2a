import type { Heartbeat, PreVoteResponse } from './messages.js'
import { restartElectionTimer, type CoreState } from './state.js'

/** The hint of a high round trip: how elections end where an answer takes as long as the election timeout.
 *
 *  A leader measures the round trip to each follower by its heartbeats, which carry its clock, and tells the follower when it is
 *  high. The follower passes that on in its answers to pre-votes, its own one included. A pre-candidate that is told so draws
 *  its next election timeout, and only that one, from twice the interval: else it would campaign anew before the votes arrive.
 *
 *  It is about liveness only. Timeouts are nobody's promise: whatever they are, votes go by terms and logs (dissertation §3.9),
 *  and leases and stickiness by the shortest timeout of the options. */

/** A follower hears from its leader whether the round trip to it is high. If it is not, the usual timeouts are back. */
export function hearRoundTrip(state: CoreState, heartbeat: Heartbeat): void {
  const isHigh = heartbeat.highRoundTrip === true
  if (isHigh && !state.highRoundTrip) state.highRoundTripCount++
  state.highRoundTrip = isHigh
  if (isHigh) return
  state.widensTimeout = false
  if (state.timeoutWidened) restartElectionTimer(state)
}

/** A pre-candidate hears it from a voter: the next timeout is drawn from a wider interval. */
export function takeRoundTripHint(state: CoreState, { highRoundTrip }: PreVoteResponse): void {
  if (highRoundTrip === true) state.widensTimeout = true
}
