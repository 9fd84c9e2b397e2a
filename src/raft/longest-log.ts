import { becomeFollower } from './roles.js'
import { noReplica } from '../base/ids.js'
import type { CoreState } from './state.js'

/** The wait for the longest log, off unless `longestLogWaitTicks` is set.
 *
 *  A majority may elect a replica while one that holds more, uncommitted, entries has not answered yet; those entries are lost then.
 *  That is safe, but they may be all that is left of proposals whose callers still wait. So a candidate whose majority is complete
 *  waits for the rest of the voters, and steps back once when one of them has a longer log (Redpanda's longest-log detection). */

/** Whether a candidate with a majority must not go on yet, or has just stepped back. */
export function heldBackForLongestLog(state: CoreState): boolean {
  const { limits, tracker, nowTicks } = state
  if (limits.longestLogWaitTicks === 0 || state.steppedBack || !asksFirst(state)) return false
  if (tracker.hasRefusal) {
    becomeFollower(state, state.term, noReplica)
    state.steppedBack = true
    return true
  }
  if (tracker.hasEveryVote) return false
  state.majorityTicks ??= nowTicks
  return nowTicks - state.majorityTicks < limits.longestLogWaitTicks
}

/** With pre-votes those are the first to tell whose log is longer, and once is enough. */
const asksFirst = ({ role, limits }: CoreState): boolean =>
  role === (limits.preVote ? 'pre-candidate' : 'candidate')
