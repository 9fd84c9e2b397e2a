import { CommanderError } from 'commander'
import { ClustorError } from '../base/errors.js'
import type { CommandContext } from './context.js'
import type { ExitCode } from './exit-codes.js'
import { exitCodeOf, exitCodes } from './exit-codes.js'
import { createProgram } from './program.js'

/** Runs one command line.
 *  @param words the command line without interpreter and script.
 *  @returns the exit code; expected failures are printed as one line, never thrown. */
export async function run(words: readonly string[], context: CommandContext): Promise<ExitCode> {
  try {
    await createProgram(context).parseAsync(words, { from: 'user' })
    return context.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return commanderExit(error)
    if (context.readerGone) return exitCodes.ok
    if (context.signal.aborted && isAbort(error, context.signal)) return exitCodes.interrupted
    report(error, context, words.includes('--json'))
    return exitCodeOf(error)
  }
}

// commander has printed its message already; --help and --version arrive here with exit code 0.
function commanderExit(error: CommanderError): ExitCode {
  return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
}

/** What `signal.throwIfAborted` throws is the reason of the signal itself. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  if (error === signal.reason) return true
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'ERR_ABORTED' || error.code === 'ABORT_ERR')
  )
}

function report(error: unknown, { output }: CommandContext, asJson: boolean): void {
  const known = describeFailure(error)
  if (known === null) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
    output.note(`clustor: this is a defect in clustor itself\n${stack}`)
  } else if (asJson) {
    output.note(JSON.stringify({ error: known }))
  } else {
    output.note(`clustor: ${known.message} (${known.code})`)
  }
}

interface Failure {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
  readonly outcome?: string
  readonly fields?: Readonly<Record<string, unknown>>
}

/** What is known about a failure that can happen to everybody; null for what must not happen. */
function describeFailure(error: unknown): Failure | null {
  if (error instanceof ClustorError) {
    const { code, message, retryable, outcome, fields } = error
    return { code, message, retryable, outcome, fields }
  }
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null
  // A failed system call of Node.js: its message says call, code and path.
  return 'syscall' in error ? { code: error.code, message: error.message } : null
}
