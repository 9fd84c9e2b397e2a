import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { fileLayer } from '../../src/config/config-layers.js'
import { resolveNodeConfig, settingNames } from '../../src/config/node-config.js'
import type { OptionRow } from '../../src/config/option-rows.js'
import { environmentName, flagName } from '../../src/config/option-names.js'
import { optionNames, optionTable } from '../../src/config/options.js'
import { describeBounds, formatOption } from '../../src/config/resolve.js'

let root = dirname(fileURLToPath(import.meta.url))
while (!existsSync(join(root, 'package.json'))) root = dirname(root)
const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8')

/** The row of docs/configuration.md that an option must have. */
function rowOf(name: string, row: OptionRow): string {
  const bounds = describeBounds(row)
  return `| \`${name}\` | ${formatOption(row, row.default)} | ${bounds} | ${row.doc} |`
}

test('docs/configuration.md has for every option the row that the table gives', (t) => {
  for (const name of optionNames) {
    t.true(page.includes(rowOf(name, optionTable[name])), rowOf(name, optionTable[name]))
  }
})

test('docs/configuration.md describes every setting', (t) => {
  for (const name of settingNames) t.regex(page, new RegExp(`^\\| \`${name}\` \\|`, 'm'))
})

test('the example file of docs/configuration.md is valid', (t) => {
  const [, example = ''] = /```toml\n([\s\S]*?)```/.exec(page) ?? []

  const config = resolveNodeConfig([fileLayer(example, 'n1.toml')])

  t.is(config.members.length, 3)
})

test('docs/configuration.md shows how flags and variables are named', (t) => {
  t.true(page.includes(flagName('segmentBytes')))
  t.true(page.includes(environmentName('segmentBytes')))
})
