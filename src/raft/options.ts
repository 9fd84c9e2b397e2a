import { ClustorError } from '../base/errors.js'
import { ascending, type MembershipConfiguration } from './membership.js'
import type { CoreOptions } from './ready.js'

const mebibyte = 1024 * 1024

/** The limits and switches of a core with every default filled in. */
export type CoreLimits = Required<
  Omit<CoreOptions, 'id' | 'voters' | 'learners' | 'random' | 'recovered'>
>

const defaultLimits: CoreLimits = {
  electionTicksMin: 15,
  electionTicksMax: 30,
  heartbeatTicks: 5,
  preVote: true,
  checkQuorum: true,
  appendBytesMax: mebibyte,
  appendEntriesMax: 16384,
  inflightMessagesMax: 256,
  inflightBytesMax: 32 * mebibyte,
  uncommittedBytesMax: 64 * mebibyte,
  committedBytesMax: 4 * mebibyte,
  applyingBytesMax: 16 * mebibyte,
  applyBeforeDurable: true,
  stepDownOnRemoval: true,
  membershipGuard: 'strict',
  noopBytes: 33,
  leaseTicks: 0,
  leaseDriftTicks: 1,
  leaseRoundTripTicks: 1,
  leaderTicksMin: 75,
  electionBiasTicks: 0,
  longestLogWaitTicks: 0,
  quiesceTicks: 0,
  promotionLagEntriesMax: 0,
  promotionRounds: 3,
  highRoundTripTicks: 15,
}

/** Fills in the defaults and refuses what cannot work.
 *  @throws ClustorError ERR_INVALID_ARGUMENT naming the option. */
export function resolveLimits(options: CoreOptions): CoreLimits {
  const limits: CoreLimits = { ...defaultLimits }
  for (const name of Object.keys(defaultLimits) as (keyof CoreLimits)[]) {
    if (options[name] !== undefined) Object.assign(limits, { [name]: options[name] })
  }
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'number') refuseUnless(Number.isSafeInteger(value) && value >= 0, name)
  }
  refuseUnless(limits.heartbeatTicks >= 1, 'heartbeatTicks')
  refuseUnless(limits.electionTicksMin > limits.heartbeatTicks, 'electionTicksMin')
  refuseUnless(limits.electionTicksMax >= limits.electionTicksMin, 'electionTicksMax')
  // A leader that is silent renews no lease.
  refuseUnless(limits.quiesceTicks === 0 || limits.leaseTicks === 0, 'quiesceTicks')
  // A longer wait would run into the next campaign.
  refuseUnless(limits.longestLogWaitTicks < limits.electionTicksMin, 'longestLogWaitTicks')
  refuseUnless(isLeaseSafe(limits), 'leaseTicks')
  // Without check-quorum nobody looks whether a learner is heard.
  refuseUnless(limits.promotionLagEntriesMax === 0 || limits.checkQuorum, 'promotionLagEntriesMax')
  refuseUnless(limits.promotionRounds >= 1, 'promotionRounds')
  refuseUnless(limits.appendEntriesMax >= 1, 'appendEntriesMax')
  refuseUnless(limits.inflightMessagesMax >= 1, 'inflightMessagesMax')
  return limits
}

/** A lease must end before any voter that promised it may elect another, however its clock drifts:
 *  lease + round trip + drift + heartbeat < shortest election timeout. Check-quorum is what makes voters promise. */
function isLeaseSafe(limits: CoreLimits): boolean {
  const { leaseTicks, leaseRoundTripTicks, leaseDriftTicks, heartbeatTicks } = limits
  if (leaseTicks === 0) return true
  const spentTicks = leaseTicks + leaseRoundTripTicks + leaseDriftTicks + heartbeatTicks
  return limits.checkQuorum && spentTicks < limits.electionTicksMin
}

/** The configuration to start with: that of the state that was recovered, or the one that the options name. */
export function resolveConfiguration(options: CoreOptions): MembershipConfiguration {
  const { voters, learners = [], recovered } = options
  const incoming = ascending(voters)
  const others = ascending(learners)
  refuseUnless(incoming.length === voters.length && (incoming[0] ?? 1) > 0, 'voters')
  refuseUnless(others.length === learners.length && (others[0] ?? 1) > 0, 'learners')
  refuseUnless(!others.some((id) => incoming.includes(id)), 'learners')
  if (recovered?.configuration !== undefined) return recovered.configuration
  return { incoming, outgoing: [], learners: others, learnersNext: [], autoLeave: false }
}

function refuseUnless(valid: boolean, option: string): void {
  if (valid) return
  throw new ClustorError('ERR_INVALID_ARGUMENT', `the core option ${option} is out of its range`, {
    fields: { option },
  })
}
