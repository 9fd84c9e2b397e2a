import { createHistogram, performance } from 'node:perf_hooks'

/** A load of clients that each wait for their answer before they send the next request. */
export interface ClosedLoop {
  readonly clients: number
  readonly warmUpMs: number
  readonly measuredMs: number
  /** Sends one request for a client and resolves with its answer. */
  readonly request: (client: number, round: number) => Promise<unknown>
  readonly signal: AbortSignal
  /** Called when the measured time begins and when it ends. */
  readonly onMeasured: (edge: 'begin' | 'end') => void
}

/** What the clients saw in the measured time. */
export interface LoopResult {
  readonly operations: number
  readonly seconds: number
  readonly failed: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
}

/** Runs the load in this process. Requests are counted when their answer arrives within the measured time. */
export async function runClosedLoop(loop: ClosedLoop): Promise<LoopResult> {
  const latency = createHistogram()
  const beginAt = performance.now() + loop.warmUpMs
  let [begunAt, endedAt, operations, failed] = [0, 0, 0, 0]
  const over = (): boolean => endedAt > 0 || loop.signal.aborted
  const client = async (id: number): Promise<void> => {
    for (let round = 0; !over(); round += 1) {
      const sentAt = performance.now()
      const answered = await succeeds(loop.request(id, round))
      const now = performance.now()
      if (begunAt === 0) {
        if (now < beginAt) continue
        begunAt = now
        loop.onMeasured('begin')
      } else if (!over()) {
        if (answered) operations += 1
        else failed += 1
        latency.record(Math.max(1, Math.round((now - sentAt) * 1e6)))
        if (now - begunAt >= loop.measuredMs) {
          endedAt = now
          loop.onMeasured('end')
        }
      }
    }
  }
  await Promise.all(Array.from({ length: loop.clients }, (_, id) => client(id)))
  loop.signal.throwIfAborted()
  const microseconds = (nanoseconds: number): number => Math.round(nanoseconds / 1e3)
  return {
    operations,
    failed,
    seconds: (endedAt - begunAt) / 1000,
    p50Us: microseconds(latency.percentile(50)),
    p99Us: microseconds(latency.percentile(99)),
    maxUs: microseconds(latency.max),
  }
}

async function succeeds(request: Promise<unknown>): Promise<boolean> {
  try {
    await request
    return true
  } catch {
    return false
  }
}
