import { ClustorError } from '../../src/base/errors.js'
import { perSecond, rawLatenciesUs } from '../fsync/run.js'
import { sharesOf, type AppendFigures } from './closed-loop.js'
import { oneFileLoops, rawLoops, type AppendSample, type RawName } from './rows.js'
import type { AppendLoad } from './settings.js'

/** Durable writes of a raw loop before and after the systems of a round, each; fewer when they are large. */
const rawOperationsMax = 1000
const rawBytesMax = 64 * 1024 * 1024

/** Raw loops do one write after the other, so they stand beside a single appender. */
export const loopsFor = ({ concurrency }: AppendLoad): RawName[] =>
  concurrency === 1 ? (Object.keys(rawLoops) as RawName[]) : []

/** What the raw loops of a round have taken, each in all of its runs. */
export class LoopLatencies {
  readonly #latenciesUs = new Map<RawName, number[]>()

  /** Runs a loop once more. */
  async measure(name: RawName, load: AppendLoad, directory: string): Promise<void> {
    const before = this.#latenciesUs.get(name) ?? []
    const more = await loopLatenciesUs(name, load.payloadBytes * load.batch, directory)
    this.#latenciesUs.set(name, [...before, ...more])
  }

  /** None of a loop that this file system does not have. */
  samples(load: AppendLoad, round: number): AppendSample[] {
    return [...this.#latenciesUs]
      .filter(([, latenciesUs]) => latenciesUs.length > 0)
      .map(([name, latenciesUs]) => ({
        subject: { name },
        load,
        round,
        figures: loopFigures(name, load, latenciesUs),
      }))
  }
}

function loopFigures(
  name: RawName,
  { batch }: AppendLoad,
  latenciesUs: readonly number[],
): AppendFigures {
  const operationsPerSecond = perSecond(latenciesUs)
  return {
    appendsPerSecond: operationsPerSecond * batch,
    latenciesUs: sharesOf(latenciesUs.toSorted((left, right) => left - right)),
    mainThreadCpuUsPerAppend: null,
    cpuUsPerAppend: null,
    syncsPerSecond: operationsPerSecond * (oneFileLoops.includes(name) ? 1 : 2),
    spaceOverhead: null,
  }
}

/** Empty where the file system has no O_DIRECT. */
async function loopLatenciesUs(
  name: RawName,
  bytes: number,
  directory: string,
): Promise<readonly number[]> {
  const operations = Math.max(10, Math.min(rawOperationsMax, Math.floor(rawBytesMax / bytes)))
  try {
    return await rawLatenciesUs(directory, rawLoops[name], { payloadBytes: bytes, operations })
  } catch (error) {
    if (name === 'raw-direct' && isRefusal(error)) return []
    throw error
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof ClustorError && error.code === 'ERR_INVALID_ARGUMENT'
