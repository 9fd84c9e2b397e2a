import { spawn } from 'node:child_process'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from '../cluster/statistics.js'
import type { AppendLogOptions } from './settings.js'

/** Delays between two looks at an event loop, one millisecond apart when nothing keeps it. */
export interface LoopDelay {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** The same under a load. */
export interface LoopLoad extends LoopDelay {
  /** Payload that became durable. */
  readonly bytesPerSecond: number
}

/** What one process measured. */
export interface EventLoopSample {
  readonly idle: LoopDelay
  readonly loaded: LoopLoad
  /** While every sync of the log hangs, and half a second after. */
  readonly stalled: LoopLoad
}

/** Medians over the rounds. */
export interface EventLoopReport extends EventLoopSample {
  readonly payloadBytes: number
  /** Payload that was to be appended. */
  readonly bytesPerSecond: number
  readonly stallSeconds: number
  /** p99 less that of the idle loop in the same round. */
  readonly loadedAboveIdleMs: number
  readonly stalledAboveIdleMs: number
}

/** What the measuring process is told (bench/append/event-loop-child.ts). */
export interface EventLoopChild {
  readonly directory: string
  /** While this file exists, syncs hang. */
  readonly hold: string
  readonly ledger: AppendLogOptions['ledger']
  readonly seconds: number
  readonly stallSeconds: number
  readonly payloadBytes: number
  readonly bytesPerSecond: number
}

const load = { payloadBytes: 4096, bytesPerSecond: 100e6, stallSeconds: 2 }

/** Measures an event loop that appends, in a process of its own: nothing else keeps it, and its disk can be made to hang.
 *  @throws what the signal was aborted with. */
export async function sampleEventLoop(
  directory: string,
  { ledger, seconds, signal }: SampleTime,
): Promise<EventLoopSample> {
  const place = join(directory, 'event-loop')
  await mkdir(place)
  try {
    const hold = join(place, 'hold')
    const child = { directory: join(place, 'log'), hold, ledger, seconds, ...load }
    return JSON.parse(await outputOf(child, signal)) as EventLoopSample
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

export interface SampleTime extends Pick<EventLoopChild, 'ledger' | 'seconds'> {
  readonly signal: AbortSignal
}

/** @param samples at least one. */
export function eventLoopReport(samples: readonly EventLoopSample[]): EventLoopReport {
  const medianOf = (figure: (sample: EventLoopSample) => number): number =>
    median(samples.map(figure))
  const delays = (of: (sample: EventLoopSample) => LoopDelay): LoopDelay => ({
    p50Ms: medianOf((sample) => of(sample).p50Ms),
    p99Ms: medianOf((sample) => of(sample).p99Ms),
    maxMs: medianOf((sample) => of(sample).maxMs),
  })
  const loads = (of: (sample: EventLoopSample) => LoopLoad): LoopLoad => ({
    ...delays(of),
    bytesPerSecond: medianOf((sample) => of(sample).bytesPerSecond),
  })
  return {
    ...load,
    idle: delays(({ idle }) => idle),
    loaded: loads(({ loaded }) => loaded),
    stalled: loads(({ stalled }) => stalled),
    loadedAboveIdleMs: medianOf(({ idle, loaded }) => loaded.p99Ms - idle.p99Ms),
    stalledAboveIdleMs: medianOf(({ idle, stalled }) => stalled.p99Ms - idle.p99Ms),
  }
}

/** Runs the measuring process and gives what it printed, once it is gone. */
async function outputOf(told: EventLoopChild, signal: AbortSignal): Promise<string> {
  const program = fileURLToPath(new URL('event-loop-child.js', import.meta.url))
  const child = spawn(process.execPath, [program, JSON.stringify(told)], {
    env: { ...process.env, CLUSTOR_TEST_HOLD_SYNCS: told.hold },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kill = (): void => {
    child.kill('SIGKILL')
  }
  signal.addEventListener('abort', kill)
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  signal.removeEventListener('abort', kill)
  signal.throwIfAborted()
  if (code !== 0) throw new Error(`measuring the event loop ended with code ${String(code)}`)
  return printed
}
