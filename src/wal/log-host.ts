import { setImmediate } from 'node:timers'
import type { Timers } from '../base/timers.js'
import { loadAddon, type NativeAddon } from '../native/addon.js'
import { backgroundTimers } from './timers.js'

/** What a log runs on: who opens it, and whose time it lives in. Simulations bring their own. */
export interface LogHost extends Pick<NativeAddon, 'openLog' | 'openProgress'> {
  readonly timers: Timers
  /** Runs a function in the next turn of the event loop; absent: nobody polls for completions. */
  readonly nextTurn?: (run: () => void) => void
}

/** The file systems, threads and the time of this process. */
export const processHost: LogHost = {
  openLog: (options, complete) => loadAddon().openLog(options, complete),
  openProgress: () => loadAddon().openProgress(),
  timers: backgroundTimers,
  // Of the module: the global one may be another's that runs when a test says so.
  nextTurn: setImmediate,
}
