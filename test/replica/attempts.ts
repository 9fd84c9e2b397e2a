import type { SessionStamp } from '../../src/apply/command.js'
import type { ClustorError } from '../../src/base/errors.js'
import type { LogIndex } from '../../src/base/ids.js'
import type { Attempt, SimulatedCluster } from './simulated-cluster.js'

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
export function readTexts(cluster: SimulatedCluster, id: number, timeoutMs = 60_000): ReadAttempt {
  const attempt: ReadAttempt = {}
  cluster
    .replica(id)
    .read((machine) => [...machine.texts], { timeoutMs })
    .then(
      (seen) => (attempt.seen = seen),
      (error: unknown) => (attempt.error = error as ClustorError),
    )
  return attempt
}
