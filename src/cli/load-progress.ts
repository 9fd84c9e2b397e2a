import { performance } from 'node:perf_hooks'
import { Presets, SingleBar } from 'cli-progress'
import type { LoadedSoFar } from './loader.js'
import type { Output } from './output.js'

/** Shows how far a load is: a bar on a terminal, else a line a second, both on standard error. */
export class LoadProgress {
  readonly #output: Output
  readonly #bar: SingleBar | null
  readonly #startedAt = performance.now()
  #lastLineAt = this.#startedAt

  constructor(output: Output, totalBytes: number | null) {
    this.#output = output
    this.#bar = output.interactive && totalBytes !== null ? createBar(output) : null
    this.#bar?.start(totalBytes ?? 0, 0, { lines: 0, rate: 0 })
  }

  update({ lines, bytes }: LoadedSoFar): void {
    const now = performance.now()
    const rate = Math.round((lines * 1000) / Math.max(1, now - this.#startedAt))
    if (this.#bar !== null) {
      this.#bar.update(bytes, { lines, rate })
    } else if (now - this.#lastLineAt >= 1000) {
      this.#lastLineAt = now
      this.#output.note(`${lines} lines, ${rate} lines/s`)
    }
  }

  /** Prints a remark without tearing the bar. */
  remark(text: string): void {
    if (this.#bar !== null) this.#output.progressStream.write('\r\x1b[K')
    this.#output.note(text)
  }

  end(): void {
    this.#bar?.stop()
  }

  [Symbol.dispose](): void {
    this.end()
  }
}

function createBar(output: Output): SingleBar {
  return new SingleBar(
    {
      format: '{bar} {percentage}% | {lines} lines | {rate} lines/s | {eta_formatted} left',
      stream: output.progressStream,
      fps: 10,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  )
}
