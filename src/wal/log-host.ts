import type { Timers } from '../base/timers.js'
import { loadAddon, type NativeAddon } from '../native/addon.js'
import { backgroundTimers } from './timers.js'

/** What a log runs on: who opens it, and whose time it lives in. Simulations bring their own. */
export interface LogHost extends Pick<NativeAddon, 'openLog' | 'openProgress'> {
  readonly timers: Timers
}

/** The file systems, threads and the time of this process. */
export const processHost: LogHost = {
  openLog: (options, complete) => loadAddon().openLog(options, complete),
  openProgress: () => loadAddon().openProgress(),
  timers: backgroundTimers,
}
