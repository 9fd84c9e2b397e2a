import { ClustorError } from '../base/errors.js'

/** Exit codes of the command, by class. docs/cli.md lists them. */
export const exitCodes = {
  ok: 0,
  /** The command ran and did not succeed. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** The cluster cannot answer at the moment; trying again later can succeed. */
  notReady: 3,
  /** Ended by Ctrl-C before its work was done: 128 + SIGINT, as shells count. */
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** The class of a failure. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof ClustorError)) return exitCodes.failed
  if (error.code === 'ERR_INVALID_ARGUMENT') return exitCodes.usage
  if (error.code === 'ERR_ABORTED') return exitCodes.interrupted
  return error.retryable && error.code !== 'ERR_DISK_FULL' ? exitCodes.notReady : exitCodes.failed
}
