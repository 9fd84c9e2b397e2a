import { median } from '../cluster/statistics.js'
import { latencyShares, type AppendFigures } from './closed-loop.js'
import type { AppendLoad, AppendLogOptions, AppendSubject } from './settings.js'

/** The raw loops, under the names that rows have. */
export const rawLoops = {
  'raw-single': 'single-preallocated',
  'raw-ordered': 'two-ordered',
  'raw-parallel': 'two-parallel',
} as const

export type RawName = keyof typeof rawLoops

/** What was measured: a raw loop, clustor under some settings, or a yardstick. */
export type RowSubject = AppendSubject | { readonly name: RawName }

/** One measurement of one round. */
export interface AppendSample {
  readonly subject: RowSubject
  readonly load: AppendLoad
  readonly round: number
  readonly figures: AppendFigures
}

/** One line of the report: medians over the rounds. A null is a figure or setting that the system does not have. */
export interface AppendRow extends AppendLoad {
  readonly name: RowSubject['name']
  readonly ledger: AppendLogOptions['ledger'] | null
  readonly durability: AppendLogOptions['durability'] | null
  readonly aead: boolean | null
  readonly trailers: boolean | null
  readonly logs: number | null
  /** Whether appends block their thread (`appendSync`). */
  readonly blocking: boolean | null
  readonly appendsPerSecond: number
  readonly p50Us: number
  readonly p99Us: number
  readonly mainThreadCpuUsPerAppend: number | null
  /** User and system time of the whole process, threads included. */
  readonly cpuUsPerAppend: number | null
  /** Flushes of the device for a system, system calls for a raw loop. */
  readonly syncsPerSecond: number | null
  readonly latencies: readonly { readonly share: number; readonly us: number }[]
}

/** A row of clustor beside another row under the same load: the median of the quotients within each round. */
export interface AppendRatio extends AppendLoad {
  /** Settings of clustor, as `settingsOf` writes them. */
  readonly settings: string
  readonly against: RowSubject['name']
  /** Of p50 less is better, of appends a second more is. */
  readonly figure: 'p50Us' | 'appendsPerSecond'
  readonly ratio: number
}

/** The rows of the samples, in the order of their first appearance in round 0. */
export function rowsOf(samples: readonly AppendSample[]): AppendRow[] {
  return [...groupsOf(samples).values()].map(rowOf)
}

/** The ratios of clustor: p50 to the raw loop that makes the same syncs, appends a second to everything else. */
export function ratiosOf(samples: readonly AppendSample[]): AppendRatio[] {
  const groups = [...groupsOf(samples).values()]
  return groups.flatMap((own) => {
    const [{ subject, load }] = own
    if (subject.name !== 'clustor') return []
    return groups.flatMap((other) => {
      const figure = comparedFigure(subject.options, load, other[0])
      if (figure === null) return []
      const against = other[0].subject.name
      const settings = settingsOf(subject.options)
      return [{ ...load, settings, against, figure, ratio: pairRatio(own, other, figure) }]
    })
  })
}

/** `ordered strict`, `inline group, aead, trailers, 100 logs`. */
export function settingsOf({
  ledger,
  durability,
  aead,
  trailers,
  logs,
  blocking,
}: {
  readonly [Name in keyof AppendLogOptions]: AppendLogOptions[Name] | null
}): string {
  if (ledger === null) return ''
  return [
    `${ledger} ${durability ?? ''}`,
    ...(aead === true ? ['aead'] : []),
    ...(trailers === true ? ['trailers'] : []),
    ...((logs ?? 1) > 1 ? [`${logs} logs`] : []),
    ...(blocking === true ? ['blocking'] : []),
  ].join(', ')
}

type SampleGroup = readonly [AppendSample, ...AppendSample[]]

function groupsOf(samples: readonly AppendSample[]): Map<string, SampleGroup> {
  const groups = new Map<string, SampleGroup>()
  for (const sample of samples) {
    const key = JSON.stringify([sample.load, sample.subject])
    groups.set(key, [...(groups.get(key) ?? []), sample] as unknown as SampleGroup)
  }
  return groups
}

function rowOf(group: SampleGroup): AppendRow {
  const [{ subject, load }] = group
  const options = subject.name === 'clustor' ? subject.options : noOptions
  const medianOf = (figure: (figures: AppendFigures) => number | null): number | null =>
    medianOrNull(group.map(({ figures }) => figure(figures)))
  const latencies = latencyShares.map((share, position) => ({
    share,
    us: medianOf(({ latenciesUs }) => latenciesUs[position] ?? null) ?? 0,
  }))
  return {
    name: subject.name,
    ...options,
    ...load,
    appendsPerSecond: medianOf(({ appendsPerSecond }) => appendsPerSecond) ?? 0,
    p50Us: medianOf(p50Us) ?? 0,
    p99Us: medianOf(({ latenciesUs }) => latenciesUs[latencyShares.indexOf(0.99)] ?? null) ?? 0,
    mainThreadCpuUsPerAppend: medianOf(({ mainThreadCpuUsPerAppend: us }) => us),
    cpuUsPerAppend: medianOf(({ cpuUsPerAppend }) => cpuUsPerAppend),
    syncsPerSecond: medianOf(({ syncsPerSecond }) => syncsPerSecond),
    latencies,
  }
}

const noOptions = {
  ledger: null,
  durability: null,
  aead: null,
  trailers: null,
  logs: null,
  blocking: null,
}

const p50Us = ({ latenciesUs }: AppendFigures): number =>
  latenciesUs[latencyShares.indexOf(0.5)] ?? 0

/** Null when a round has no such figure: a median of some rounds would not compare with the others. */
function medianOrNull(values: readonly (number | null)[]): number | null {
  const present = values.filter((value) => value !== null)
  return present.length === values.length ? median(present) : null
}

/** The raw loop with the syncs that an acknowledgement waits for. */
const matchingLoop: Readonly<Record<AppendLogOptions['ledger'], RawName>> = {
  ordered: 'raw-ordered',
  overlapped: 'raw-parallel',
  inline: 'raw-single',
}

function comparedFigure(
  { ledger }: AppendLogOptions,
  load: AppendLoad,
  other: AppendSample,
): AppendRatio['figure'] | null {
  if (JSON.stringify(load) !== JSON.stringify(other.load)) return null
  const { name } = other.subject
  if (name === 'clustor') return null
  if (name in rawLoops) return name === matchingLoop[ledger] ? 'p50Us' : null
  return 'appendsPerSecond'
}

function pairRatio(own: SampleGroup, other: SampleGroup, figure: AppendRatio['figure']): number {
  const value = ({ figures }: AppendSample): number =>
    figure === 'p50Us' ? p50Us(figures) : figures.appendsPerSecond
  const ratios = own.flatMap((sample) => {
    const partner = other.find(({ round }) => round === sample.round)
    return partner === undefined ? [] : [value(sample) / value(partner)]
  })
  return median(ratios)
}
