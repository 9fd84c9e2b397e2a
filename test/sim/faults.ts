/** Every fault that the simulator makes, in the order in which reports list them. */
export const faultNames = [
  'messageLost',
  'messageDuplicated',
  'messageReordered',
  'messageStrayed',
  'messageHeldUp',
  'oneWayPartition',
  'isolation',
  'split',
  'crash',
  'crashInsideTurn',
  'unsyncedWriteLost',
  'unacknowledgedWriteKept',
  'diskSlow',
  'diskFull',
  'syncFailed',
  'bitRot',
  'clockSkew',
  'clockJump',
  'processStalled',
  'leaderPaused',
  'leaderDeposed',
  'campaignWithoutReason',
  'learnerAdded',
  'learnerPromoted',
  'voterAdded',
  'voterDemoted',
  'memberRemoved',
  'jointEntered',
  'jointLeft',
  'changeRefused',
  'changeOfUnknownOutcome',
  'diskLost',
  'nodeRetired',
  'leadershipTransferred',
  'transferFailed',
  'leaderForgotten',
  'readUnderLeases',
  'readAtFollower',
  'clientRetry',
  'unknownOutcome',
] as const

export type FaultName = (typeof faultNames)[number]

/** How often each fault happened. */
export type FaultCounts = Record<FaultName, number>

export const noFaults = (): FaultCounts =>
  Object.fromEntries(faultNames.map((name) => [name, 0])) as FaultCounts
