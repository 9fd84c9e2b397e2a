import type { Timers } from '../base/timers.js'

/** The real time; a timer of a log never keeps the process alive. */
export const backgroundTimers: Timers = {
  now: () => performance.now(),
  after: (delayMs, run) => {
    const timer = setTimeout(run, delayMs).unref()
    return { cancel: () => clearTimeout(timer) }
  },
}
