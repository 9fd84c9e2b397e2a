import { ClustorError, errorCodes, type ErrorCode, type Outcome } from '../base/errors.js'

/** The properties that native/binding/js_error.cc puts on an error besides its code and message. */
const fieldNames = [
  'errno',
  'syscall',
  'path',
  'segment',
  'offset',
  'firstIndex',
  'lastIndex',
  'ownerPid',
] as const

/** After these nothing was written (native/wal/log.h, "Promise"); after any other failure of a write, perhaps. */
const withoutEffect: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_CLOSED',
  'ERR_DISK_FULL',
  'ERR_INVALID_ARGUMENT',
  'ERR_QUOTA_EXCEEDED',
  'ERR_TOO_LARGE',
  'ERR_TOO_MANY_FILES',
])

/** Whether a write that failed with a code may be found when the log is opened again. */
export const outcomeOf = (code: ErrorCode): Outcome =>
  withoutEffect.has(code) ? 'not-applied' : 'unknown'

/** Makes the package's error of one that the addon threw. */
export function toClustorError(thrown: unknown): ClustorError {
  if (thrown instanceof ClustorError) return thrown
  const properties = thrown instanceof Error ? (thrown as Error & Record<string, unknown>) : null
  const code = properties?.['code']
  if (properties === null || !isErrorCode(code)) {
    return new ClustorError('ERR_INTERNAL', `the addon failed: ${String(thrown)}`, {
      cause: thrown,
    })
  }
  const fields = Object.fromEntries(
    fieldNames.flatMap((name) => (name in properties ? [[name, properties[name]]] : [])),
  )
  return new ClustorError(code, properties.message, { fields, outcome: outcomeOf(code) })
}

const isErrorCode = (code: unknown): code is ErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCodes, code)
