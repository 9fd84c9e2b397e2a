import type { ReportTable } from '../cluster/format.js'
import { latencyChart, rateChart } from './charts.js'
import { formatAppendReport, rowName } from './format.js'
import { escapeHtml } from './escape-html.js'
import type { AppendRow } from './rows.js'
import type { AppendReport } from './run.js'

/** The report as one page that needs nothing from elsewhere: tables and curves, light and dark. */
export function formatAppendPage(report: AppendReport): string {
  const { notes, tables } = formatAppendReport(report)
  const groups = groupsOf(report.rows)
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<title>clustor bench append</title>',
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    '<h1>clustor bench append</h1>',
    ...notes.map((note) => `<p>${escapeHtml(note)}</p>`),
    ...[...groups].flatMap(([title, rows]) => sectionOf(title, rows)),
    ...tables.filter(({ rows }) => rows.length > 0).map(tableOf),
    '</body>',
    '</html>',
    '',
  ].join('\n')
}

/** Rows by payload and batch: what may stand in one chart. */
function groupsOf(rows: readonly AppendRow[]): Map<string, AppendRow[]> {
  const groups = new Map<string, AppendRow[]>()
  for (const row of rows) {
    const title = `${bytesText(row.payloadBytes)}, ${row.batch === 1 ? 'one entry an append' : `batches of ${row.batch}`}`
    groups.set(title, [...(groups.get(title) ?? []), row])
  }
  return groups
}

/** `256 B`, `4 KiB`, `1 MiB`. */
function bytesText(bytes: number): string {
  if (bytes >= 2 ** 20 && bytes % 2 ** 20 === 0) return `${bytes / 2 ** 20} MiB`
  if (bytes >= 2 ** 10 && bytes % 2 ** 10 === 0) return `${bytes / 2 ** 10} KiB`
  return `${bytes} B`
}

function sectionOf(title: string, rows: readonly AppendRow[]): string[] {
  const concurrencies = [...new Set(rows.map(({ concurrency }) => concurrency))]
  const names = [...new Set(rows.map(rowName))]
  return [
    `<section><h2>${escapeHtml(title)}</h2>`,
    '<div class="charts">',
    rateChart('Appends per second', rows, names, ({ appendsPerSecond }) => appendsPerSecond),
    rateChart('Flushes per second', rows, names, ({ syncsPerSecond }) => syncsPerSecond),
    ...concurrencies.map((concurrency) =>
      latencyChart(
        `Latency, ${concurrency} ${concurrency === 1 ? 'appender' : 'appenders'}`,
        rows.filter((row) => row.concurrency === concurrency),
        names,
      ),
    ),
    '</div></section>',
  ]
}

function tableOf({ title, head, rows }: ReportTable): string {
  const numeric = head.map((_, column) => rows.every((row) => /^[\d–]/.test(row[column] ?? '')))
  const cells = (tag: string, row: readonly string[]): string =>
    row
      .map((text, column) => {
        const attribute = numeric[column] === true ? ' class="number"' : ''
        return `<${tag}${attribute}>${escapeHtml(text)}</${tag}>`
      })
      .join('')
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')
  return `<div class="table"><table><caption>${escapeHtml(title)}</caption><thead><tr>${cells('th', head)}</tr></thead>
<tbody>${body}</tbody></table></div>`
}

const lightInks = [
  '#1f5fbf',
  '#c2410c',
  '#15803d',
  '#9333ea',
  '#b4860b',
  '#0e7490',
  '#be185d',
  '#57534e',
]
const darkInks = [
  '#7db0ff',
  '#ff9a66',
  '#6ee7a0',
  '#c99bff',
  '#f0cf65',
  '#67d8ee',
  '#ff8ac0',
  '#c4beb8',
]

const inkRules = (inks: readonly string[]): string =>
  inks.map((ink, position) => `--ink-${position}:${ink};`).join('')

const style = `
:root{--page:#fff;--text:#1c1917;--faint:#57534e;--line:#d6d3d1;${inkRules(lightInks)}}
@media (prefers-color-scheme:dark){:root{--page:#161412;--text:#f5f5f4;--faint:#b8b2ac;--line:#44403c;${inkRules(darkInks)}}}
body{background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{color:var(--faint);margin:.3rem 0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:1.5rem}
figure{margin:0}figcaption{font-weight:600}svg{width:100%;height:auto;display:block}
svg text{fill:var(--faint);font:12px system-ui,sans-serif}svg .grid{stroke:var(--line)}
svg .curve{fill:none;stroke-width:2;stroke-linejoin:round}
ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.3rem 0 0;padding:0;font-size:13px}
.legend svg{width:28px;height:10px;display:inline-block;margin-right:.35rem;vertical-align:middle}
.table{overflow-x:auto;margin-top:2rem}table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding-bottom:.4rem}th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line)}
.number{text-align:right}`
