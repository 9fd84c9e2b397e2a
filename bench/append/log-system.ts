import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DurableLog, KeyRing } from '../../src/log.js'
import type { AppendLogOptions, AppendSystem } from './settings.js'

/** One `DurableLog` or several, each with a directory of its own. */
export class LogSystem implements AppendSystem {
  readonly #logs: DurableLog[] = []
  readonly #blocking: boolean

  private constructor(blocking: boolean) {
    this.#blocking = blocking
  }

  /** Opens the logs; those that are open are closed when one fails. */
  static async open(directory: string, options: AppendLogOptions): Promise<LogSystem> {
    const system = new LogSystem(options.blocking)
    const { ledger, durability, logs } = options
    using keys = keysFor(options)
    try {
      for (let log = 0; log < logs; log++) {
        const place = join(directory, `log-${log}`)
        system.#logs.push(
          (await DurableLog.open({ directory: place, ledger, durability, keys })).log,
        )
      }
      return system
    } catch (error) {
      await system.close()
      throw error
    }
  }

  append(payloads: readonly Uint8Array[], appender: number): Promise<unknown> {
    const log = this.#logs[appender % this.#logs.length] as DurableLog
    const [only] = payloads
    if (payloads.length !== 1 || only === undefined) return log.appendBatch(payloads)
    return this.#blocking ? Promise.resolve(log.appendSync(only)) : log.append(only)
  }

  async close(): Promise<void> {
    await Promise.all(this.#logs.map((log) => log.close()))
  }
}

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
