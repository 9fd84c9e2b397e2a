import { optionTable } from '../../src/config/options.js'
import { median } from '../cluster/statistics.js'
import { latencyShares, type AppendFigures } from './closed-loop.js'
import type { AppendLoad, AppendLogOptions, AppendSubject } from './settings.js'

/** The raw loops, under the names that rows have. */
export const rawLoops = {
  'raw-single': 'single-preallocated',
  'raw-direct': 'single-direct',
  'raw-ordered': 'two-ordered',
  'raw-parallel': 'two-parallel',
} as const

export type RawName = keyof typeof rawLoops

export const oneFileLoops: readonly RowSubject['name'][] = ['raw-single', 'raw-direct']

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
  readonly blockAlignmentBytes: number | null
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
  /** Bytes of the disk beyond those of the payloads, as a share of these: frames, blocks and padding. */
  readonly spaceOverhead: number | null
  readonly latencies: readonly { readonly share: number; readonly us: number }[]
}

/** A row of clustor beside another row under the same load: the median of the quotients within each round. */
export interface AppendRatio extends AppendLoad {
  /** Settings of clustor, as `settingsOf` writes them. */
  readonly settings: string
  readonly against: RowSubject['name']
  /** Settings of that row when it is one of clustor as well; else empty. */
  readonly againstSettings: string
  /** Of p50 less is better, of appends a second more is. */
  readonly figure: 'p50Us' | 'appendsPerSecond'
  readonly ratio: number
}

/** The rows of the samples, in the order of their first appearance in round 0. */
export function rowsOf(samples: readonly AppendSample[]): AppendRow[] {
  return [...groupsOf(samples).values()].map(rowOf)
}

/** The ratios of clustor: p50 to the raw loop that makes the same syncs; appends a second to the other systems, to itself
 *  with one setting less, and of large appends, by any number of appenders, to the raw loops of one file. */
export function ratiosOf(samples: readonly AppendSample[]): AppendRatio[] {
  const groups = [...groupsOf(samples).values()]
  return groups.flatMap((own) => {
    const [{ subject, load }] = own
    if (subject.name !== 'clustor') return []
    return groups.flatMap((other) => {
      const settings = settingsOf(subject.options)
      return comparedFigures(subject.options, load, other[0]).map((figure) => ({
        ...load,
        settings,
        against: other[0].subject.name,
        againstSettings: settingsOf(optionsOf(other[0].subject)),
        figure,
        ratio: pairRatio(own, other, figure),
      }))
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
  blockAlignmentBytes,
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
    ...(blockAlignmentBytes === optionTable.blockAlignmentBytes.default
      ? []
      : [`blocks of ${blockAlignmentBytes} B`]),
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
  const medianOf = (figure: (figures: AppendFigures) => number | null): number | null =>
    medianOrNull(group.map(({ figures }) => figure(figures)))
  const latencies = latencyShares.map((share, position) => ({
    share,
    us: medianOf(({ latenciesUs }) => latenciesUs[position] ?? null) ?? 0,
  }))
  return {
    name: subject.name,
    ...optionsOf(subject),
    ...load,
    appendsPerSecond: medianOf(({ appendsPerSecond }) => appendsPerSecond) ?? 0,
    p50Us: medianOf(p50Us) ?? 0,
    p99Us: medianOf(({ latenciesUs }) => latenciesUs[latencyShares.indexOf(0.99)] ?? null) ?? 0,
    mainThreadCpuUsPerAppend: medianOf(({ mainThreadCpuUsPerAppend: us }) => us),
    cpuUsPerAppend: medianOf(({ cpuUsPerAppend }) => cpuUsPerAppend),
    syncsPerSecond: medianOf(({ syncsPerSecond }) => syncsPerSecond),
    spaceOverhead: medianOf(({ spaceOverhead }) => spaceOverhead),
    latencies,
  }
}

const optionsOf = (
  subject: RowSubject,
): { readonly [Name in keyof AppendLogOptions]: AppendLogOptions[Name] | null } =>
  subject.name === 'clustor' ? subject.options : noOptions

const noOptions = {
  ledger: null,
  durability: null,
  aead: null,
  trailers: null,
  logs: null,
  blockAlignmentBytes: null,
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

/** Bytes of an append from which on the transfer counts, and not the round trips. */
const largeAppendBytes = 256 * 1024

function comparedFigures(
  options: AppendLogOptions,
  load: AppendLoad,
  other: AppendSample,
): AppendRatio['figure'][] {
  const { subject } = other
  if (isSequential(subject, load, other.load)) {
    const isMatching = subject.name === matchingLoop[options.ledger] && load.concurrency === 1
    return isMatching ? ['p50Us', 'appendsPerSecond'] : ['appendsPerSecond']
  }
  if (JSON.stringify(load) !== JSON.stringify(other.load)) return []
  if (subject.name === 'clustor') {
    return isOneSettingMore(options, subject.options) ? ['appendsPerSecond'] : []
  }
  if (!(subject.name in rawLoops)) return ['appendsPerSecond']
  return subject.name === matchingLoop[options.ledger] ? ['p50Us'] : []
}

/** Whether another row is what one file takes of large writes, one after the other. No number of appenders gets more. */
const isSequential = (
  other: RowSubject,
  load: AppendLoad,
  { payloadBytes, batch }: AppendLoad,
): boolean =>
  oneFileLoops.includes(other.name) &&
  payloadBytes * batch >= largeAppendBytes &&
  payloadBytes === load.payloadBytes &&
  batch === load.batch

/** Whether a log differs from another in just one thing that costs: encryption, seals, or that it is one of several. */
function isOneSettingMore(options: AppendLogOptions, base: AppendLogOptions): boolean {
  const changes: Partial<AppendLogOptions>[] = [
    ...(options.aead ? [{ aead: false }] : []),
    ...(options.trailers ? [{ trailers: false }] : []),
    ...(options.logs > 1 ? [{ logs: 1 }] : []),
  ]
  return changes.some(
    (change) => JSON.stringify({ ...options, ...change }) === JSON.stringify(base),
  )
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
