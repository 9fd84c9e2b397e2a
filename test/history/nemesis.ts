import { setTimeout as sleep } from 'node:timers/promises'

import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import type { Cluster } from './cluster.js'
import type { SmallDisk } from './small-disk.js'

export const nemesisNames = ['kill', 'pause', 'partition', 'disk-full'] as const
export type NemesisName = (typeof nemesisNames)[number]

export const isNemesis = (name: string): name is NemesisName =>
  (nemesisNames as readonly string[]).includes(name)

/** Makes one fault after the other on a real cluster, and undoes each before the next. */
export class Nemesis {
  readonly counts: Record<NemesisName, number> = { kill: 0, pause: 0, partition: 0, 'disk-full': 0 }
  readonly #cluster: Cluster
  readonly #disks: ReadonlyMap<string, SmallDisk>
  readonly #random: Random
  readonly #kinds: readonly NemesisName[]

  /** @param disks of the nodes that have one that can be filled. */
  constructor(
    cluster: Cluster,
    disks: ReadonlyMap<string, SmallDisk>,
    { random, kinds }: { readonly random: Random; readonly kinds: readonly NemesisName[] },
  ) {
    this.#cluster = cluster
    this.#disks = disks
    this.#random = random
    this.#kinds = kinds
  }

  /** Works until told to stop, and leaves a whole cluster behind. */
  async run(isOver: () => boolean): Promise<void> {
    for (let turn = 0; !isOver() && this.#kinds.length > 0; turn++) {
      await sleep(this.#between(200, 600))
      const kind = this.#kinds[turn % this.#kinds.length] as NemesisName
      await this.#disturb(kind, this.#anyOf(this.#cluster.names))
    }
  }

  async #disturb(kind: NemesisName, name: string): Promise<void> {
    const durationMs = this.#between(300, 1_200)
    switch (kind) {
      case 'kill':
        await this.#cluster.kill(name)
        await sleep(durationMs)
        await this.#cluster.startNode(name)
        break
      case 'pause':
        this.#cluster.signal(name, 'SIGSTOP')
        await sleep(durationMs)
        this.#cluster.signal(name, 'SIGCONT')
        break
      case 'partition':
        this.#cluster.isolate(name, this.#anyOf(this.#cluster.directions))
        await sleep(durationMs)
        this.#cluster.heal()
        break
      case 'disk-full': {
        const disk = this.#disks.get(name)
        if (disk === undefined) return
        disk.fill()
        await sleep(durationMs)
        disk.free()
      }
    }
    this.counts[kind] += 1
  }

  #anyOf<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.#between(0, choices.length - 1)] as Choice
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#random, min, max)
  }
}
