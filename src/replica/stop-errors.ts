import { ClustorError } from '../base/errors.js'
import { InvariantError } from '../base/invariant.js'

/** The same failure for another waiter, with the outcome that it has for that one. */
export function copyWith(error: ClustorError, outcome: 'not-applied' | 'unknown'): ClustorError {
  return new ClustorError(error.code, error.message, {
    outcome,
    cause: error,
    fields: error.fields,
  })
}

/** Whatever was thrown, as an error with a code: ERR_INVARIANT for a broken rule, ERR_INTERNAL for what nobody foresaw. */
export function asClustorError(error: unknown): ClustorError {
  if (error instanceof ClustorError) return error
  const code = error instanceof InvariantError ? 'ERR_INVARIANT' : 'ERR_INTERNAL'
  const message = error instanceof Error ? error.message : String(error)
  return new ClustorError(code, message, { cause: error, outcome: 'unknown' })
}
