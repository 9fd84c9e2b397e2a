import { setImmediate } from 'node:timers'
import type { Timers } from '../base/timers.js'
import { loadAddon, type NativeAddon } from '../native/addon.js'
import type { EventLoopTurns } from './completion-poller.js'
import { backgroundTimers } from './timers.js'

/** What a log runs on: who opens it, and whose time it lives in. Simulations bring their own. */
export interface LogHost extends Pick<NativeAddon, 'openLog' | 'openProgress'> {
  readonly timers: Timers
  /** Absent: nobody polls for completions. */
  readonly turns?: EventLoopTurns | undefined
}

const eventLoopTurns: EventLoopTurns = {
  // Of the module: the global one may be another's that runs when a test says so.
  next: setImmediate,
  cpuMs: () => loadAddon().threadCpuMs(),
}

/** The file systems, threads and the time of this process. */
export const processHost: LogHost = {
  openLog: (options, complete) => loadAddon().openLog(options, complete),
  openProgress: () => loadAddon().openProgress(),
  timers: backgroundTimers,
  get turns() {
    return loadAddon().mayWaitAwake() ? eventLoopTurns : undefined
  },
}
