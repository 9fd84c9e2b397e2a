import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { optionTable } from '../../src/config/options.js'
import { DurableLog, KeyRing } from '../../src/log.js'
import type { AppendLogOptions, AppendSystem } from './settings.js'
import { PrefixTruncator, primeLog } from './steady-logs.js'

/** Several logs share this: a hundred with segments of their own of 64 MiB are more than many disks and all caches have room for. */
const segmentBytesOfAll = optionTable.segmentBytes.default
const segmentBytesMin = 8 * 1024 * 1024

/** How systems are opened. */
export interface OpenTime {
  /** Whether logs are brought to the state of one that has run for a while. */
  readonly primed: boolean
  /** Ends priming early. */
  readonly signal: AbortSignal
}

/** One `DurableLog` or several, each with a directory of its own, kept short. */
export class LogSystem implements AppendSystem {
  readonly #logs: readonly DurableLog[]
  readonly #truncator: PrefixTruncator
  readonly #blocking: boolean

  private constructor(logs: readonly DurableLog[], blocking: boolean) {
    this.#logs = logs
    this.#truncator = new PrefixTruncator(logs)
    this.#blocking = blocking
  }

  /** Opens the logs; those that are open are closed when one fails. */
  static async open(
    directory: string,
    options: AppendLogOptions,
    { primed, signal }: OpenTime,
  ): Promise<LogSystem> {
    const logs: DurableLog[] = []
    using keys = keysFor(options)
    const { ledger, durability, blockAlignmentBytes } = options
    const segmentBytes = Math.max(segmentBytesMin, segmentBytesOfAll / options.logs)
    try {
      for (let log = 0; log < options.logs; log++) {
        const place = join(directory, `log-${log}`)
        const setting = { ledger, durability, blockAlignmentBytes, segmentBytes, keys }
        logs.push((await DurableLog.open({ directory: place, ...setting })).log)
      }
      if (primed) for (const log of logs) await primeLog(log, signal)
      return new LogSystem(logs, options.blocking)
    } catch (error) {
      await closeAll(logs)
      throw error
    }
  }

  append(payloads: readonly Uint8Array[], appender: number): Promise<unknown> {
    const log = this.#logs[appender % this.#logs.length] as DurableLog
    const [only] = payloads
    if (payloads.length !== 1 || only === undefined) return log.appendBatch(payloads)
    return this.#blocking ? Promise.resolve(log.appendSync(only)) : log.append(only)
  }

  blockBytesWritten(): number {
    return this.#logs.reduce((sum, log) => sum + log.stats().bytesWritten, 0)
  }

  async close(): Promise<void> {
    try {
      await this.#truncator.stop()
    } finally {
      await closeAll(this.#logs)
    }
  }
}

const closeAll = (logs: readonly DurableLog[]): Promise<unknown> =>
  Promise.all(logs.map((log) => log.close()))

/** Keys of the moment for what is switched on; undefined when nothing is. */
function keysFor({ aead, trailers }: AppendLogOptions): KeyRing | undefined {
  if (!aead && !trailers) return undefined
  return KeyRing.fromBytes({
    dek: { 1: randomBytes(32) },
    mac: { 1: randomBytes(32) },
    activeDek: aead ? 1 : 0,
    activeMac: trailers ? 1 : 0,
  })
}
