import type { ExitCode } from './exit-codes.js'
import { exitCodes } from './exit-codes.js'
import { Output } from './output.js'

/** What a command gets from its surroundings: where to print, when to stop, what the environment says. */
export class CommandContext {
  readonly output: Output
  readonly environment: NodeJS.ProcessEnv
  /** The exit code when nothing is thrown; a command lowers or raises it. */
  exitCode: ExitCode = exitCodes.ok
  readonly #stop = new AbortController()

  constructor(process: NodeJS.Process) {
    this.environment = process.env
    this.output = new Output(process)
    // A reader that went away (`clustor tail | head -1`) has seen enough: end quietly, but through the same clean-up.
    this.output.onReaderGone(() => {
      this.#stop.abort('reader gone')
    })
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        // The second signal means it: no clean-up can hold the terminal.
        if (this.#stop.signal.aborted) process.exit(exitCodes.interrupted)
        this.#stop.abort(signal)
      })
    }
  }

  /** Aborted by the first Ctrl-C, SIGTERM or SIGHUP, or when nobody reads the output any more. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** True when the reader of standard output went away, which is no failure. */
  get readerGone(): boolean {
    return this.#stop.signal.reason === 'reader gone'
  }

  /** Resolves when the command is to stop. Does not keep the process alive by itself. */
  async stopped(): Promise<void> {
    if (this.signal.aborted) return
    await new Promise((resolve) => {
      this.signal.addEventListener('abort', resolve, { once: true })
    })
  }
}
