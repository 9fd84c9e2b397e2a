import { createHistogram, performance } from 'node:perf_hooks'
import type { Readable } from 'node:stream'
import type { LineFormat, MalformedLine, SourceLine } from './line-source.js'
import { readLines } from './line-source.js'

/** What to load, and where to. */
export interface LoadPlan {
  readonly stream: Readable
  readonly format: LineFormat
  readonly lineBytesMax: number
  readonly prefix: string
  /** Lines under way at a time; more wait in the file. */
  readonly window: number
  readonly fromLine: number
  /** Resolves when the line is acknowledged. Calls are made in line order and applied in call order. */
  readonly put: (key: string, value: Uint8Array) => Promise<{ readonly version: number }>
  /** May throw to stop the load. */
  readonly onMalformed: (line: MalformedLine) => void
  readonly onProgress?: (progress: LoadedSoFar) => void
  /** Called for every acknowledged line, in line order. */
  readonly onAcknowledged?: (line: AcknowledgedLine) => void
  readonly signal: AbortSignal
}

export interface LoadedSoFar {
  readonly lines: number
  readonly bytes: number
  readonly malformed: number
}

export interface AcknowledgedLine extends SourceLine {
  readonly key: string
  /** Log index of the write. */
  readonly version: number
}

/** How a load went. */
export interface LoadSummary extends LoadedSoFar {
  readonly seconds: number
  readonly linesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** The first line that is not known to be replicated. */
  readonly nextLine: number
  readonly interrupted: boolean
  /** Why it ended early. */
  readonly failure: Error | null
}

/** The key of a line: zero padded, so that the order of keys is the order of lines. */
export const lineKey = (prefix: string, lineNumber: number): string =>
  prefix + String(lineNumber).padStart(9, '0')

/** Loads lines through one ordered pipeline: at most `window` puts are under way, acknowledgements count in line order.
 *  After the first failure nothing more is sent; what is under way is awaited, so that the summary is exact. */
export async function loadLines(plan: LoadPlan): Promise<LoadSummary> {
  const pipeline = new Pipeline(plan)
  try {
    for await (const group of readLines(plan.stream, plan.format, plan.lineBytesMax)) {
      for (const line of group) {
        if (line.lineNumber < plan.fromLine) continue
        if (pipeline.stopped || plan.signal.aborted) break
        if ('malformed' in line) pipeline.passOver(line)
        else await pipeline.send(line)
      }
      if (pipeline.stopped || plan.signal.aborted) break
    }
  } catch (error) {
    pipeline.fail(error)
  }
  plan.stream.destroy()
  await pipeline.drained()
  return pipeline.summary()
}

class Pipeline {
  readonly #plan: LoadPlan
  readonly #latency = createHistogram()
  readonly #startedAt = performance.now()
  #underWay = 0
  #lines = 0
  #bytes = 0
  #malformed = 0
  #nextLine: number
  #failure: Error | null = null
  #putFailed = false
  #wake: () => void = () => undefined
  /** Settles after every line before it, so that acknowledgements are counted in line order. */
  #tail: Promise<void> = Promise.resolve()

  constructor(plan: LoadPlan) {
    this.#plan = plan
    this.#nextLine = plan.fromLine
  }

  get stopped(): boolean {
    return this.#failure !== null
  }

  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  passOver(line: MalformedLine): void {
    this.#plan.onMalformed(line)
    this.#malformed += 1
  }

  async send(line: SourceLine): Promise<void> {
    while (this.#underWay >= this.#plan.window) await this.#room()
    // Room may come from a failure: what is sent then would wait for its own deadline.
    if (this.stopped || this.#plan.signal.aborted) return
    const key = lineKey(this.#plan.prefix, line.lineNumber)
    const sentAt = performance.now()
    this.#underWay += 1
    const answer = this.#plan.put(key, line.value)
    this.#tail = this.#settle(line, key, sentAt, answer, this.#tail)
  }

  async drained(): Promise<void> {
    await this.#tail
  }

  summary(): LoadSummary {
    const seconds = (performance.now() - this.#startedAt) / 1000
    const ms = (nanoseconds: number): number => nanoseconds / 1e6
    return {
      lines: this.#lines,
      bytes: this.#bytes,
      malformed: this.#malformed,
      seconds,
      linesPerSecond: this.#lines / seconds,
      p50Ms: ms(this.#latency.percentile(50)),
      p99Ms: ms(this.#latency.percentile(99)),
      maxMs: ms(this.#latency.max),
      nextLine: this.#nextLine,
      interrupted: this.#plan.signal.aborted,
      failure: this.#failure,
    }
  }

  async #settle(
    ...[line, key, sentAt, answer, before]: [
      SourceLine,
      string,
      number,
      Promise<{ readonly version: number }>,
      Promise<void>,
    ]
  ): Promise<void> {
    let version: number | null = null
    try {
      version = (await answer).version
    } catch (error) {
      this.fail(error)
    }
    const nanoseconds = Math.round((performance.now() - sentAt) * 1e6)
    await before
    // Lines behind a failed one do not count: the load goes on at the first line that is not known to be replicated.
    if (version === null) this.#putFailed = true
    else if (!this.#putFailed) this.#acknowledge({ ...line, key, version }, nanoseconds)
    this.#underWay -= 1
    this.#wake()
  }

  #acknowledge(line: AcknowledgedLine, nanoseconds: number): void {
    this.#latency.record(Math.max(1, nanoseconds))
    this.#lines += 1
    this.#bytes += line.value.length + 1
    this.#nextLine = line.lineNumber + 1
    this.#plan.onAcknowledged?.(line)
    this.#plan.onProgress?.({ lines: this.#lines, bytes: this.#bytes, malformed: this.#malformed })
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
