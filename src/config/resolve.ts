import { ClustorError } from '../base/errors.js'
import { didYouMean } from './near-miss.js'
import type { NumberRow, OptionRow } from './option-rows.js'
import type { OptionGroup, OptionName, Options, OptionsOf } from './options.js'
import { optionNames, optionTable } from './options.js'
import { profiles } from './profiles.js'
import { leaseMarginTicks } from './tick-counts.js'
import {
  byteUnitNames,
  durationUnitNames,
  formatBytes,
  formatDuration,
  parseBytes,
  parseCount,
  parseDuration,
} from './units.js'

/** Values from one place. Texts are read with their units, as in a file, a flag or a variable. */
export interface OptionLayer {
  /** Where the values come from, also name by name; refusals repeat it: `node.toml:7`, `CLUSTOR_TICK_MS`, `Node.open`. */
  readonly source: string | ((name: string) => string)
  readonly values: Readonly<Record<string, unknown>>
}

type OptionValue = number | string | boolean

/** Merges layers over the defaults; a later layer wins.
 *  @throws ERR_INVALID_ARGUMENT naming the option, its value, its source and the bounds; for an unknown name, the near miss. */
export function resolveOptions(layers: readonly OptionLayer[]): Options {
  return merge(optionNames, layers) as Options
}

/** The same for the options of some groups only; the names of other groups are refused as unknown. */
export function resolveGroup<Group extends OptionGroup>(
  groups: readonly Group[],
  layers: readonly OptionLayer[],
): OptionsOf<Group> {
  const wanted: readonly OptionGroup[] = groups
  const names = optionNames.filter((name) => wanted.includes(optionTable[name].group))
  return merge(names, layers) as OptionsOf<Group>
}

/** Reads one value as the option wants it.
 *  @throws ERR_INVALID_ARGUMENT with fields option, value, source and the bounds. */
export function readOption(name: OptionName, value: unknown, source: string): OptionValue {
  const row: OptionRow = optionTable[name]
  switch (row.kind) {
    case 'switch':
      return readSwitch(name, value, source)
    case 'choice':
      if (typeof value === 'string' && row.choices.includes(value)) return value
      throw refusal(name, value, source, `one of ${row.choices.join(', ')}`)
    default:
      return readNumber(name, row, value, source)
  }
}

/** The bounds of an option in words: `64 KiB to 2 GiB`. */
export function describeBounds(row: OptionRow): string {
  switch (row.kind) {
    case 'switch':
      return 'true or false'
    case 'choice':
      return `one of ${row.choices.join(', ')}`
    default:
      return `${formatNumber(row, row.min)} to ${formatNumber(row, row.max)}${row.powerOfTwo ? ', a power of two' : ''}`
  }
}

/** The value of an option as a reader writes it: `64 MiB`, `150 ms`, `group`. */
export function formatOption(row: OptionRow, value: OptionValue): string {
  return typeof value === 'number' && row.kind !== 'choice' && row.kind !== 'switch'
    ? formatNumber(row, value)
    : String(value)
}

function merge(names: readonly OptionName[], layers: readonly OptionLayer[]): Partial<Options> {
  const known = new Set<string>(names)
  const values = defaultsOf(names, layers)
  const given = new Set<string>()
  for (const { source: from, values: layerValues } of layers) {
    for (const [name, value] of Object.entries(layerValues)) {
      if (value === undefined) continue
      const source = typeof from === 'string' ? from : from(name)
      if (!known.has(name)) throw unknownOption(name, names, source)
      values.set(name, readOption(name as OptionName, value, source))
      given.add(name)
    }
  }
  checkTogether(values, given)
  // Every value has its row's type: the defaults have, and readOption returns nothing else.
  return Object.fromEntries(values)
}

/** The defaults, changed by the profile that the last layer to give one names; a wrong one is refused with the other values. */
function defaultsOf(
  names: readonly OptionName[],
  layers: readonly OptionLayer[],
): Map<string, OptionValue> {
  const given = layers.findLast(({ values }) => values['profile'] !== undefined)?.values['profile']
  const changes = Object.entries(profiles).find(([profile]) => profile === given)?.[1] ?? {}
  return new Map<string, OptionValue>(
    names.map((name) => [name, changes[name] ?? optionTable[name].default]),
  )
}

function unknownOption(name: string, names: readonly OptionName[], source: string): ClustorError {
  const message = `unknown option ${name} in ${source}${didYouMean(name, names)}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, { fields: { option: name, source } })
}

function readSwitch(name: OptionName, value: unknown, source: string): boolean {
  if (value === true || value === 'true') return true
  if (value === false || value === 'false') return false
  throw refusal(name, value, source, 'true or false')
}

function readNumber(name: OptionName, row: NumberRow, value: unknown, source: string): number {
  const read = typeof value === 'string' ? parseText(row, value) : value
  if (typeof read !== 'number' || !Number.isSafeInteger(read)) {
    throw refusal(name, value, source, `a whole number${unitHint(row)}`)
  }
  const fits = read >= row.min && read <= row.max
  const even = !row.powerOfTwo || Number.isInteger(Math.log2(read))
  if (!fits || !even) throw refusal(name, value, source, describeBounds(row))
  return read
}

function parseText(row: NumberRow, text: string): number | null {
  if (row.kind === 'bytes') return parseBytes(text)
  return row.kind === 'milliseconds' ? parseDuration(text) : parseCount(text)
}

function unitHint(row: NumberRow): string {
  if (row.kind === 'bytes') return ` of bytes, or with a unit (${byteUnitNames})`
  return row.kind === 'milliseconds'
    ? ` of milliseconds, or with a unit (${durationUnitNames})`
    : ''
}

function formatNumber(row: NumberRow, value: number): string {
  if (row.kind === 'bytes') return formatBytes(value)
  return row.kind === 'milliseconds' ? formatDuration(value) : String(value)
}

function refusal(name: string, value: unknown, source: string, wanted: string): ClustorError {
  const message = `${name} in ${source} is ${JSON.stringify(value)}; it must be ${wanted}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { option: name, value, source, wanted },
  })
}

interface Order {
  readonly low: OptionName
  readonly high: OptionName
  readonly reason: string
  /** A default of `low` yields to a given `high`; otherwise the pair is refused. */
  readonly yields: boolean
}

const order = (low: OptionName, high: OptionName, reason: string, yields = false): Order => ({
  low,
  high,
  reason,
  yields,
})

/** Pairs of options of which the first must not exceed the second. */
const orders: readonly Order[] = [
  order('electionTimeoutMsMin', 'electionTimeoutMsMax', 'the timeout is drawn between the two'),
  order(
    'heartbeatMs',
    'electionTimeoutMsMin',
    'followers must hear the leader before they campaign',
  ),
  order(
    'longestLogWaitMs',
    'electionTimeoutMsMin',
    'a candidate must not wait until the next campaign',
  ),
  order('tickMs', 'heartbeatMs', 'heartbeats are sent on a tick'),
  order('reconnectMsMin', 'reconnectMsMax', 'the pause grows from one to the other'),
  order('retryMsMin', 'retryMsMax', 'the pause grows from one to the other'),
  order('payloadBytesMax', 'segmentBytes', 'an entry must fit into a segment', true),
  order('proposalBytesMax', 'payloadBytesMax', 'a proposal becomes the payload of one entry', true),
]

function checkTogether(values: Map<string, OptionValue>, given: ReadonlySet<string>): void {
  checkOrders(values, given)
  if (Number(values.get('leaseMs') ?? 0) > 0) checkLease(Object.fromEntries(values) as Options)
  if (Number(values.get('promotionLagEntriesMax') ?? 0) > 0) checkPromotion(values)
}

function checkOrders(values: Map<string, OptionValue>, given: ReadonlySet<string>): void {
  for (const { low, high, reason, yields } of orders) {
    const [lowValue, highValue] = [values.get(low), values.get(high)]
    if (typeof lowValue !== 'number' || typeof highValue !== 'number') continue
    if (lowValue <= highValue) continue
    if (!yields || given.has(low)) throw outOfOrder(low, lowValue, high, highValue, reason)
    values.set(low, highValue)
  }
}

/** A voter's promise must outlast the lease that relies on it, and only with check-quorum do voters promise. */
function checkLease(options: Options): void {
  if (options.quiesceMs > 0) throw leaseAndQuiescence()
  const marginTicks = leaseMarginTicks(options)
  if (marginTicks > 0 && options.checkQuorum) return
  const { leaseMs, leaseDriftMs, heartbeatMs, tickMs, electionTimeoutMsMin } = options
  const message =
    `leaseMs (${leaseMs} ms) needs checkQuorum, and with leaseDriftMs (${leaseDriftMs} ms), heartbeatMs (${heartbeatMs} ms) ` +
    `and a tick (${tickMs} ms) it must stay below electionTimeoutMsMin (${electionTimeoutMsMin} ms), in whole ticks`
  throw new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { option: 'leaseMs', value: leaseMs },
  })
}

const leaseAndQuiescence = (): ClustorError =>
  new ClustorError(
    'ERR_INVALID_ARGUMENT',
    'leaseMs and quiesceMs exclude each other: a leader that sends no heartbeats renews no lease',
    { fields: { option: 'quiesceMs' } },
  )

function checkPromotion(values: ReadonlyMap<string, OptionValue>): void {
  if (values.get('checkQuorum') === true) return
  const message =
    'promotionLagEntriesMax needs checkQuorum: without it nobody looks whether a learner is heard'
  throw new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { option: 'promotionLagEntriesMax' },
  })
}

function outOfOrder(
  ...[low, lowValue, high, highValue, reason]: [OptionName, number, OptionName, number, string]
): ClustorError {
  const message = `${low} (${formatOption(optionTable[low], lowValue)}) exceeds ${high} (${formatOption(optionTable[high], highValue)}): ${reason}`
  return new ClustorError('ERR_INVALID_ARGUMENT', message, {
    fields: { option: low, value: lowValue, bound: high, boundValue: highValue },
  })
}
