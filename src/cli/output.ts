import { once } from 'node:events'
import type { WriteStream } from 'node:tty'

/** The two streams of a command. Results go to standard output, everything else to standard error. */
export class Output {
  readonly #out: WriteStream
  readonly #err: WriteStream
  #readerIsGone = false
  #readerGone: () => void = () => undefined
  /** True when standard error is a terminal: progress bars make sense. */
  readonly interactive: boolean
  /** True when colours are wanted on standard output. */
  readonly colors: boolean

  constructor(process: NodeJS.Process) {
    this.#out = process.stdout
    this.#err = process.stderr
    const plain = (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb'
    this.interactive = this.#err.isTTY && process.env.TERM !== 'dumb'
    this.colors = this.#out.isTTY && !plain
    this.#out.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      this.#readerIsGone = true
      this.#readerGone()
    })
    this.#err.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }

  onReaderGone(listener: () => void): void {
    this.#readerGone = listener
  }

  /** Prints a line of results. */
  line(text = ''): void {
    if (!this.#readerIsGone) this.#out.write(`${text}\n`)
  }

  /** Prints a value as one line of JSON; bigint and undefined do not occur in it. */
  json(value: unknown): void {
    this.line(JSON.stringify(value))
  }

  /** Writes results and waits while the reader is slower than the writer. */
  async write(chunk: string | Uint8Array): Promise<void> {
    if (this.#readerIsGone || this.#out.write(chunk)) return
    await once(this.#out, 'drain')
  }

  /** Prints a remark that is no result: progress, hints, warnings. */
  note(text: string): void {
    this.#err.write(`${text}\n`)
  }

  /** Clears the terminal before the next table of `--watch`. */
  clearScreen(): void {
    if (this.#out.isTTY) this.#out.write('\x1b[2J\x1b[H')
  }

  /** The stream for progress bars. */
  get progressStream(): NodeJS.WriteStream {
    return this.#err
  }

  bold(text: string): string {
    return this.#styled(1, text)
  }

  dim(text: string): string {
    return this.#styled(2, text)
  }

  green(text: string): string {
    return this.#styled(32, text)
  }

  red(text: string): string {
    return this.#styled(31, text)
  }

  #styled(code: number, text: string): string {
    return this.colors ? `\x1b[${code}m${text}\x1b[0m` : text
  }
}
