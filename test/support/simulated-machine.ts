import { createRequire } from 'node:module'
import path from 'node:path'

import type { NativeAddon, NativeLog } from '../../src/native/addon.js'

/** The disk of one machine in memory, with the real log of the addon on it (native/simulation). Nothing happens by
 *  itself: logs work when they are pumped, and every promise is settled when it is returned. */
export interface SimulatedMachine {
  openLog: NativeAddon['openLog']
  /** The power fails after so many more calls that change something: all later ones fail. */
  powerOffAfter(changes: number): void
  /** The machine comes back with what a crash may have left. Logs that were open stay without a disk. */
  restart(): void
  /** The next sync fails with EIO. */
  failSync(): void
  /** Nothing fails any more that was to fail. */
  calm(): void
  /** Files may not grow from now on, or may again. */
  setFull(isFull: boolean): void
  /** The n-th write from now on, 1 is the next, fails with ENOSPC, also one into allocated space, as on a volume that promised
   *  more than it has. */
  refuseWrite(nth: number): void
  /** Those who read find one bit of the segments flipped, until the next restart or the same call again.
   *  @returns false when there is no segment. */
  flipBit(position: number): boolean
  advanceClock(ms: number): void
}

/** A log that somebody pumps. */
export interface PumpedLog extends NativeLog {
  /** Commits one group, does one piece of maintenance, and calls back for what is done, unless that is to wait for the next
   *  call that does: a committer works while JavaScript does, which hears of it later.
   *  @returns whether there was anything to do. */
  pump(deliver: boolean): boolean
}

interface SimulationAddon extends Pick<NativeAddon, 'openProgress'> {
  readonly SimulatedDisk: new (seed: number) => SimulatedMachine
  /** Gives all logs a bug (native/simulation/addon.cc); false when there is none of that name. */
  plantBug(name: string): boolean
}

/** Where `node scripts/build-simulation.mjs` puts the addon. Copies of the tests lie below `build`, too. */
const [root = ''] = import.meta.dirname.split(`${path.sep}build${path.sep}`)
const addonFile = path.join(root, 'build/native/clustor_simulation.node')

let loaded: SimulationAddon | null = null

export function loadSimulation(): SimulationAddon {
  loaded ??= createRequire(import.meta.url)(addonFile) as SimulationAddon
  return loaded
}
