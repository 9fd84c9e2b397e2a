/** Measures the event loop of its own process: idle, under appends, while the disk hangs. Prints the figures as JSON.
 *  Its argument is an EventLoopChild; syncs wait while the file `hold` exists (docs/native.md). */
import { rm, writeFile } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { DurableLog } from '../../src/log.js'
import type { EventLoopChild, EventLoopSample, LoopDelay, LoopLoad } from './event-loop.js'
import { PrefixTruncator, primeLog } from './steady-logs.js'

/** Between two looks at the event loop; a delay includes it. */
const resolutionMs = 1
const paceMs = 1
/** What may wait for a disk that hangs; the rest of the load is left out, as a program with a limit would do. */
const inFlightBytesMax = 32 * 1024 * 1024
const warmUpMs = 500
/** How long after a stall the rush of its acknowledgements is measured as well. */
const afterStallMs = 500

const child = JSON.parse(process.argv[2] ?? '') as EventLoopChild

/** Appends at a steady rate. */
class PacedLoad {
  readonly #log: DurableLog
  readonly #payload: Uint8Array
  readonly #bytesPerSecond: number
  readonly #timer: NodeJS.Timeout
  #paidMs = performance.now()
  #inFlightBytes = 0
  #failure: unknown = null
  /** Bytes of payload that were acknowledged. */
  durableBytes = 0

  constructor(log: DurableLog, { payloadBytes, bytesPerSecond }: EventLoopChild) {
    this.#log = log
    this.#payload = new Uint8Array(payloadBytes).fill(0x5a)
    this.#bytesPerSecond = bytesPerSecond
    this.#timer = setInterval(() => {
      this.#step()
    }, paceMs)
  }

  stop(): void {
    clearInterval(this.#timer)
    if (this.#failure !== null) throw new Error('an append failed', { cause: this.#failure })
  }

  #step(): void {
    const bytes = this.#payload.byteLength
    const appendMs = (bytes / this.#bytesPerSecond) * 1e3
    const nowMs = performance.now()
    while (this.#paidMs + appendMs <= nowMs) {
      this.#paidMs += appendMs
      if (this.#inFlightBytes + bytes <= inFlightBytesMax) this.#append(bytes)
    }
  }

  #append(bytes: number): void {
    this.#inFlightBytes += bytes
    this.#log.append(this.#payload).then(
      () => {
        this.#inFlightBytes -= bytes
        this.durableBytes += bytes
      },
      (error: unknown) => {
        this.#failure ??= error
      },
    )
  }
}

async function measureLoop(): Promise<EventLoopSample> {
  const { directory, ledger } = child
  const { log } = await DurableLog.open({ directory, durability: 'group', ledger })
  await primeLog(log, new AbortController().signal)
  const truncator = new PrefixTruncator([log])
  const idle = await delayDuring(() => pause(child.seconds * 1e3))
  const load = new PacedLoad(log, child)
  await pause(warmUpMs)
  const loaded = await loadDuring(load, () => pause(child.seconds * 1e3))
  const stalled = await loadDuring(load, stall)
  load.stop()
  await truncator.stop()
  await log.close()
  return { idle, loaded, stalled }
}

async function stall(): Promise<void> {
  await writeFile(child.hold, '')
  await pause(child.stallSeconds * 1e3)
  await rm(child.hold)
  await pause(afterStallMs)
}

async function loadDuring(load: PacedLoad, run: () => Promise<void>): Promise<LoopLoad> {
  const startedMs = performance.now()
  const bytesBefore = load.durableBytes
  const delay = await delayDuring(run)
  const seconds = (performance.now() - startedMs) / 1e3
  return { ...delay, bytesPerSecond: (load.durableBytes - bytesBefore) / seconds }
}

async function delayDuring(run: () => Promise<void>): Promise<LoopDelay> {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  await run()
  delays.disable()
  const atMs = (percentile: number): number => delays.percentile(percentile) / 1e6
  return { p50Ms: atMs(50), p99Ms: atMs(99), maxMs: delays.max / 1e6 }
}

console.log(JSON.stringify(await measureLoop()))
