const levels = ['debug', 'info', 'warn', 'error', 'fatal', 'none'] as const

/** From which severity on lines are kept; `none` keeps no output at all. */
export type Level = (typeof levels)[number]

/** The log of all nodes of a script, in order. */
export class Journal {
  level: Level = 'debug'
  readonly #lines: string[] = []

  /** @param name in letters of either case.
   *  @throws Error for a level that there is not. */
  setLevel(name: string): void {
    const level = levels.find((candidate) => candidate === name.toLowerCase())
    if (level === undefined) {
      throw new Error(`log levels must be either of [${levels.join(' ').toUpperCase()}]`)
    }
    this.level = level
  }

  debug(text: string): void {
    this.#write('debug', text)
  }

  info(text: string): void {
    this.#write('info', text)
  }

  warn(text: string): void {
    this.#write('warn', text)
  }

  error(text: string): void {
    this.#write('error', text)
  }

  /** The lines since the last call. */
  take(): string[] {
    return this.#lines.splice(0)
  }

  #write(level: Level, text: string): void {
    if (levels.indexOf(level) < levels.indexOf(this.level)) return
    this.#lines.push(`${level.toUpperCase()} ${text}`)
  }
}
