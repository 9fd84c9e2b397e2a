import type { Timers } from '../base/timers.js'
import type { NativeProgress } from '../native/addon.js'
import { guarded } from './guarded.js'

/** How far the verification of a log has come while it is opened. */
export interface OpenProgress {
  readonly bytesDone: number
  /** Bytes of all segments; known from the first call on. */
  readonly bytesTotal: number
}

const lookMs = 100

/** Calls `onProgress` about ten times a second while a log is opened, and once more when it is open.
 *  @returns a function that ends it; `done` says that the log is open. */
export function reportProgress(
  progress: NativeProgress,
  onProgress: (progress: OpenProgress) => void,
  timers: Timers,
): (done: boolean) => void {
  let timer = timers.after(lookMs, look)
  function look(): void {
    timer = timers.after(lookMs, look)
    const [bytesDone = 0, bytesTotal = 0] = progress.read()
    if (bytesTotal > 0) guarded(() => onProgress({ bytesDone, bytesTotal }))
  }
  return (done) => {
    timer.cancel()
    const [, bytesTotal = 0] = progress.read()
    if (done) guarded(() => onProgress({ bytesDone: bytesTotal, bytesTotal }))
  }
}
