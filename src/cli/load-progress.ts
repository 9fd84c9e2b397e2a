import { performance } from 'node:perf_hooks'
import { Presets, SingleBar } from 'cli-progress'
import type { LoadedSoFar } from './loader.js'
import type { Output } from './output.js'

/** Shows how far a load is: a bar on a terminal, else a line a second, both on standard error. */
export class LoadProgress {
  readonly #output: Output
  readonly #bar: SingleBar | null
  readonly #startedAt = performance.now()
  readonly #intervalMs: number
  #shownAt = this.#startedAt
  #loaded: LoadedSoFar = { lines: 0, bytes: 0, malformed: 0 }

  constructor(output: Output, totalBytes: number | null) {
    this.#output = output
    this.#bar = output.interactive && totalBytes !== null ? createBar(output) : null
    this.#intervalMs = this.#bar === null ? lineIntervalMs : barIntervalMs
    this.#bar?.start(totalBytes ?? 0, 0, { lines: 0, rate: 0 })
  }

  update(loaded: LoadedSoFar): void {
    this.#loaded = loaded
    const now = performance.now()
    if (now - this.#shownAt < this.#intervalMs) return
    this.#shownAt = now
    this.#show()
  }

  #show(): void {
    const { lines, bytes } = this.#loaded
    const seconds = (performance.now() - this.#startedAt) / 1000
    const rate = Math.round(lines / Math.max(0.001, seconds))
    if (this.#bar === null) this.#output.note(`${lines} lines, ${rate} lines/s`)
    else this.#bar.update(bytes, { lines, rate })
  }

  /** Prints a remark without tearing the bar. */
  remark(text: string): void {
    if (this.#bar !== null) this.#output.progressStream.write('\r\x1b[K')
    this.#output.note(text)
  }

  end(): void {
    if (this.#bar === null) return
    this.#show()
    this.#bar.stop()
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

const lineIntervalMs = 1000
/** The bar estimates the time left from its last updates, so they must not come too fast. */
const barIntervalMs = 100
