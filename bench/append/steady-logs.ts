import type { DurableLog } from '../../src/log.js'

/** Between two looks at logs that may have grown, milliseconds: at 2 GB/s, half a segment. */
const truncationPauseMs = 20
const primingPayloadBytes = 1024 * 1024
const primingBatchEntries = 4
/** Then every rotation finds a segment that was used before: the tail, a spare and one on its way are there. */
const recycledSegmentsWhenPrimed = 2

/** Keeps logs short while they are loaded, as a replica does after its snapshots: whole segments of durable entries are
 *  let go of and used again. So a load of any length writes no zeros, as in the long run. */
export class PrefixTruncator {
  readonly #logs: readonly DurableLog[]
  readonly #rotations: number[]
  readonly #timer: NodeJS.Timeout
  #turn = 0
  #truncation: Promise<void> | null = null
  #failure: Error | null = null

  constructor(logs: readonly DurableLog[]) {
    this.#logs = logs
    this.#rotations = logs.map((log) => log.stats().rotations)
    this.#timer = setInterval(() => {
      this.#step()
    }, truncationPauseMs)
  }

  /** @throws what a truncation failed with. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#truncation
    if (this.#failure !== null) throw this.#failure
  }

  /** One log at a time, so that many logs cost no more than one. */
  #step(): void {
    if (this.#truncation !== null) return
    const turn = this.#turn++ % this.#logs.length
    const log = this.#logs[turn] as DurableLog
    const { rotations } = log.stats()
    if (rotations === this.#rotations[turn]) return
    this.#rotations[turn] = rotations
    this.#truncation = truncateDurable(log)
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error))
      })
      .finally(() => {
        this.#truncation = null
      })
  }
}

/** Writes into a new log until it uses segments again that were zeroed before. A log that fills its first segments makes
 *  zeros beside each append, on the same disk. Ends early when the signal is aborted.
 *  @param log with segments of 8 MiB at least. */
export async function primeLog(log: DurableLog, signal: AbortSignal): Promise<void> {
  const payload = new Uint8Array(primingPayloadBytes).fill(0x5a)
  const batch = Array.from({ length: primingBatchEntries }, () => payload)
  let rotations = 0
  while (!signal.aborted && log.stats().recycledSegments < recycledSegmentsWhenPrimed) {
    await log.appendBatch(batch)
    const status = log.stats()
    if (status.rotations > rotations) await truncateDurable(log)
    rotations = status.rotations
  }
}

const truncateDurable = (log: DurableLog): Promise<void> =>
  log.truncatePrefix({ before: log.stats().durableIndex + 1 })
