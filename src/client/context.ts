import type tls from 'node:tls'

import { ClustorError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { OptionsOf } from '../config/options.js'
import type { Timers } from '../base/timers.js'

/** What the parts of one client share. */
export interface ClientContext {
  readonly options: OptionsOf<'client'>
  /** Time for a connection attempt; also the silence after which a connection with requests under way counts as lost. */
  readonly connectTimeoutMs: number
  /** Null: any cluster. */
  readonly cluster: string | null
  readonly secure: tls.ConnectionOptions | undefined
  readonly timers: Timers
  readonly random: Random
}

/** How a call may end early. */
export interface CallOptions {
  /** From now on; the option requestTimeoutMs unless given. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The client was closed before the answer came. */
export const clientClosed = (): ClustorError =>
  new ClustorError('ERR_CLOSED', 'the client was closed')

/** The same failure with another outcome: what a client knows can be less than what the node said. */
export function withOutcome(error: ClustorError, outcome: 'unknown' | 'not-applied'): ClustorError {
  if (error.outcome === outcome) return error
  const { code, message, cause, fields } = error
  return new ClustorError(code, message, { outcome, cause, fields })
}

/** The deadline passed; says what stood in the way last. */
export function deadlinePassed(
  lastError: ClustorError | null,
  outcome: 'unknown' | 'not-applied',
): ClustorError {
  const reason = lastError === null ? 'no answer came in time' : lastError.message
  return new ClustorError('ERR_TIMEOUT', `the deadline passed: ${reason}`, {
    outcome,
    cause: lastError ?? undefined,
  })
}

/** The caller's signal. */
export const aborted = (signal: AbortSignal, outcome: 'unknown' | 'not-applied'): ClustorError =>
  new ClustorError('ERR_ABORTED', 'the caller aborted the request', {
    outcome,
    cause: signal.reason,
  })
