import type { CoreState } from './state.js'

/** Leader leases (dissertation §6.4.1), off unless `leaseTicks` is set.
 *
 *  Every heartbeat is a round. A quorum that answers it has promised not to elect anybody for the shortest election timeout
 *  from when it heard it, hence from when it was sent. Until `leaseTicks` after the sending nobody else can lead, if the
 *  clocks drift less than the inequality of the options leaves room for.
 *
 *  A busy process has fewer ticks than time passes. For a promise that is safe, it only lasts longer; a lease has to age by
 *  the ticks that were skipped, too. */

/** Whether this replica may serve a read by itself: it leads, has committed in its term, and its lease runs. */
export function hasLease(state: CoreState): boolean {
  const { role, limits, reads, log, commitIndex, term, leaseWaived } = state
  if (role !== 'leader' || limits.leaseTicks === 0 || leaseWaived) return false
  if (leaseClock(state) - reads.confirmedTicks >= limits.leaseTicks) return false
  return log.holds(commitIndex, term)
}

/** The time by which leases age, in ticks. */
export const leaseClock = ({ nowTicks, skippedTicks }: CoreState): number => nowTicks + skippedTicks

/** Whether this replica has promised a leader not to elect another. A replica that has just started may have promised, and
 *  cannot know. */
export const promisesLease = ({ limits, nowTicks, heardTicks }: CoreState): boolean =>
  limits.leaseTicks > 0 && nowTicks - heardTicks < limits.electionTicksMin

/** Nothing heard so far counts for a lease any more: time may have passed without ticks, or other voters count. */
export function expireLease(state: CoreState): void {
  state.reads.expire()
}
