import type { SessionStamp } from '../../src/apply/command.js'
import type { ClustorError } from '../../src/base/errors.js'
import type { LogIndex } from '../../src/base/ids.js'
import type { CallOptions, ReadOptions } from '../../src/replica/replica.js'
import type { Attempt, RecordingMachine, SimulatedCluster } from './simulated-cluster.js'

/** Where a proposal stands in a session of which nothing is acknowledged. */
export const stamp = (session: LogIndex, sequence: number): SessionStamp => ({
  session,
  sequence,
  acknowledgedSequence: 0,
})

/** Steps until every attempt has ended, one way or the other. */
export async function answered(
  cluster: SimulatedCluster,
  ...attempts: readonly Attempt[]
): Promise<void> {
  await cluster.until('answers', () =>
    attempts.every(({ result, error }) => result !== undefined || error !== undefined),
  )
}

/** What became of a read; empty while it is open. */
export interface ReadAttempt {
  seen?: readonly string[]
  error?: ClustorError
}

/** Reads linearizably what a node has applied. */
export function readTexts(
  cluster: SimulatedCluster,
  id: number,
  options: ReadOptions = {},
): ReadAttempt {
  return attemptOf(cluster.replica(id).read(textsOf, { timeoutMs: 60_000, ...options }))
}

/** Reads what a node has applied once it has applied `index`. */
export function readTextsAt(
  cluster: SimulatedCluster,
  id: number,
  index: LogIndex,
  options: CallOptions = {},
): ReadAttempt {
  return attemptOf(cluster.replica(id).readAt(index, textsOf, { timeoutMs: 60_000, ...options }))
}

const textsOf = ({ texts }: RecordingMachine): readonly string[] => [...texts]

function attemptOf(reading: Promise<readonly string[]>): ReadAttempt {
  const attempt: ReadAttempt = {}
  reading.then(
    (seen) => (attempt.seen = seen),
    (error: unknown) => (attempt.error = error as ClustorError),
  )
  return attempt
}

/** Steps until every read has ended, one way or the other. */
export async function readsEnded(
  cluster: SimulatedCluster,
  ...attempts: readonly ReadAttempt[]
): Promise<void> {
  await cluster.until('the ends of reads', () =>
    attempts.every(({ seen, error }) => seen !== undefined || error !== undefined),
  )
}
