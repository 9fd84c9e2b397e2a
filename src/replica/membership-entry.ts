/** Membership changes on their way into the log: as bytes, and as errors for those who wait. */
import { ClustorError } from '../base/errors.js'
import { decodeMembershipChange, encodeMembershipChange } from '../raft/membership-codec.js'
import { changeMembership } from '../raft/membership-change.js'
import type { MembershipChange, MembershipConfiguration } from '../raft/membership.js'

/** The payload of the entry that makes a change.
 *  @throws ERR_INVALID_ARGUMENT for what is no change. It is read back here, because every replica will have to read it:
 *  bytes that none can read would stop them all. */
export function membershipPayload(change: MembershipChange): Uint8Array {
  try {
    if (change.transition === 'forced') throw new TypeError('a configuration is forced offline')
    const bytes = encodeMembershipChange(change)
    decodeMembershipChange(bytes)
    return bytes
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ClustorError('ERR_INVALID_ARGUMENT', `not a membership change: ${reason}`, {
      cause: error,
    })
  }
}

/** Why the leader did not propose a change, in the core's words: ERR_MEMBERSHIP_REFUSED when the configuration in force
 *  does not admit it, ERR_MEMBERSHIP_BUSY when only the moment does not. */
export function membershipRefusal(
  refusal: string,
  change: MembershipChange,
  configuration: MembershipConfiguration,
): ClustorError {
  const isPossible = changeMembership(configuration, change).kind === 'changed'
  const code = isPossible ? 'ERR_MEMBERSHIP_BUSY' : 'ERR_MEMBERSHIP_REFUSED'
  return new ClustorError(code, refusal, { fields: { configuration } })
}
