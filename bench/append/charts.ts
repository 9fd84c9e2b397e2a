import { escapeHtml } from './escape-html.js'
import { rowName } from './format.js'
import type { AppendRow } from './rows.js'

const width = 520
const height = 300
const plot = { left: 56, right: width - 12, top: 12, bottom: height - 40 }
/** Colours of the page, --ink-0 and on; curves beyond them are dashed. */
const inkCount = 8

interface Point {
  readonly x: number
  readonly y: number
}

interface Curve {
  readonly name: string
  readonly points: readonly Point[]
}

interface Axis {
  readonly label: string
  readonly ticks: readonly { readonly at: number; readonly label: string }[]
}

/** A rate over the number of appenders, both on logarithmic axes.
 *  @param names of all rows of the group, so that a name has one colour in all its charts. */
export function rateChart(
  title: string,
  rows: readonly AppendRow[],
  names: readonly string[],
  rate: (row: AppendRow) => number | null,
): string {
  const curves = curvesOf(rows, names, (row) => {
    const y = rate(row)
    return y === null || y <= 0 ? [] : [{ x: Math.log10(row.concurrency), y: Math.log10(y) }]
  })
  const concurrencies = [...new Set(rows.map(({ concurrency }) => concurrency))]
  const ticks = concurrencies.map((count) => ({ at: Math.log10(count), label: String(count) }))
  return chart(title, curves, { label: 'appenders', ticks }, 'per second')
}

/** Latency over the percentile; the axis stretches the tail, each nine as wide as the last. */
export function latencyChart(
  title: string,
  rows: readonly AppendRow[],
  names: readonly string[],
): string {
  const curves = curvesOf(rows, names, ({ latencies }) =>
    latencies
      .filter(({ share, us }) => share >= 0.1 && us > 0)
      .map(({ share, us }) => ({ x: nines(share), y: Math.log10(us) })),
  )
  const shares = [0.1, 0.5, 0.9, 0.99, 0.999]
  const ticks = shares.map((share) => ({
    at: nines(share),
    label: `p${+(share * 100).toFixed(1)}`,
  }))
  return chart(title, curves, { label: 'percentile', ticks }, 'µs')
}

const nines = (share: number): number => -Math.log10(1 - share)

/** One curve for each name, empty where there are no rows. */
function curvesOf(
  rows: readonly AppendRow[],
  names: readonly string[],
  pointsOf: (row: AppendRow) => Point[],
): Curve[] {
  return names.map((name) => ({
    name,
    points: rows
      .filter((row) => rowName(row) === name)
      .flatMap(pointsOf)
      .sort((left, right) => left.x - right.x),
  }))
}

function chart(title: string, all: readonly Curve[], xAxis: Axis, unit: string): string {
  const curves = all.map((curve, position) => ({ ...curve, position }))
  const shown = curves.filter(({ points }) => points.length > 0)
  if (shown.length === 0) return ''
  const y = scaleOf(shown, ({ y }) => y, plot.bottom, plot.top, true)
  const x = scaleOf(shown, ({ x }) => x, plot.left + 10, plot.right - 10, false)
  const yTicks = powersBetween(y.low, y.high)
  const marks = shown.map((curve) => curveMark(curve, x.place, y.place))
  return [
    `<figure><figcaption>${escapeHtml(title)}</figcaption>`,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeHtml(description(title, shown))}">`,
    ...yTicks.map((tick) => yTickMark(y.place(tick.at), tick.label)),
    ...xAxis.ticks.map((tick) => xTickMark(x.place(tick.at), tick.label)),
    `<text x="${plot.left}" y="${height - 4}">${escapeHtml(`${unit} over ${xAxis.label}`)}</text>`,
    ...marks,
    '</svg>',
    `<ul class="legend">${shown.map(legendItem).join('')}</ul></figure>`,
  ].join('\n')
}

const description = (title: string, curves: readonly Curve[]): string =>
  `${title}: ${curves.map(({ name }) => name).join('; ')}. The figures are in the table below.`

interface Scale {
  readonly low: number
  readonly high: number
  readonly place: (value: number) => number
}

function scaleOf(
  curves: readonly Curve[],
  valueOf: (point: Point) => number,
  from: number,
  to: number,
  whole: boolean,
): Scale {
  const values = curves.flatMap(({ points }) => points.map(valueOf))
  const least = Math.min(...values)
  const most = Math.max(...values)
  const low = whole ? Math.floor(least) : least
  const high = whole ? Math.max(Math.ceil(most), low + 1) : most
  const place = (value: number): number =>
    // One value alone stands in the middle.
    high === low ? (from + to) / 2 : from + ((value - low) / (high - low)) * (to - from)
  return { low, high, place }
}

function powersBetween(low: number, high: number): Axis['ticks'] {
  return Array.from({ length: high - low + 1 }, (_, step) => ({
    at: low + step,
    label: powerLabel(low + step),
  }))
}

function powerLabel(power: number): string {
  const value = 10 ** power
  if (value >= 1e6) return `${value / 1e6} M`
  return value >= 1e3 ? `${value / 1e3} k` : String(+value.toPrecision(1))
}

const yTickMark = (y: number, label: string): string =>
  `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y)}" y2="${at(y)}"/>` +
  `<text x="${plot.left - 6}" y="${at(y + 4)}" text-anchor="end">${escapeHtml(label)}</text>`

const xTickMark = (x: number, label: string): string =>
  `<line class="grid" x1="${at(x)}" x2="${at(x)}" y1="${plot.bottom}" y2="${plot.bottom + 4}"/>` +
  `<text x="${at(x)}" y="${plot.bottom + 17}" text-anchor="middle">${escapeHtml(label)}</text>`

function curveMark(
  { name, points, position }: Curve & { readonly position: number },
  placeX: (value: number) => number,
  placeY: (value: number) => number,
): string {
  const places = points.map(({ x, y }) => ({ x: at(placeX(x)), y: at(placeY(y)) }))
  const line = places.map(({ x, y }) => `${x},${y}`).join(' ')
  const dots = places.map(
    ({ x, y }) => `<circle cx="${x}" cy="${y}" r="2.5" style="fill:${inkOf(position)}"/>`,
  )
  return (
    `<g><title>${escapeHtml(name)}</title>` +
    `<polyline class="curve" ${strokeOf(position)} points="${line}"/>${dots.join('')}</g>`
  )
}

/** Shows what the chart shows: a line, or the dot of a curve with one point. */
function legendItem({ name, points, position }: Curve & { readonly position: number }): string {
  const mark =
    points.length === 1
      ? `<circle cx="14" cy="5" r="3" style="fill:${inkOf(position)}"/>`
      : `<line class="curve" ${strokeOf(position)} x1="0" x2="28" y1="5" y2="5"/>`
  return `<li><svg viewBox="0 0 28 10" aria-hidden="true">${mark}</svg>${escapeHtml(name)}</li>`
}

const inkOf = (position: number): string => `var(--ink-${position % inkCount})`

function strokeOf(position: number): string {
  const dash = position < inkCount ? '' : ' stroke-dasharray="6 3"'
  return `style="stroke:${inkOf(position)}"${dash}`
}

const at = (coordinate: number): string => coordinate.toFixed(1)
