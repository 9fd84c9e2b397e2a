import type { Options } from './options.js'

/** What a profile changes of the defaults; whatever is given anywhere wins over it. */
export const profiles: Readonly<Record<Options['profile'], Partial<Options>>> = {
  // Nodes in one place, each append synced by itself: the defaults.
  latency: {},
  // Appends that wait together share a sync.
  throughput: { durability: 'group' },
  // Between places a heartbeat takes tens of milliseconds, and a lost packet several times that.
  wan: { electionTimeoutMsMin: 300, electionTimeoutMsMax: 600, highRoundTripMs: 350 },
}
