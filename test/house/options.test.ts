import test from 'ava'
import { environmentName, flagName } from '../../src/config/option-names.js'
import { optionNames } from '../../src/config/options.js'
import { missingFrom, readProjectFile } from './project.js'

/** Rows of docs/configuration.md whose first cell is an option's name in back quotes. */
function documentedOptions(): Map<string, string> {
  const rows = readProjectFile('docs/configuration.md').matchAll(/^\| `([a-z]\w*)` \|(.*)$/gm)
  return new Map([...rows].map(([, name = '', cells = '']) => [name, cells]))
}

test('every option is documented', (t) => {
  t.deepEqual(missingFrom(optionNames, documentedOptions().keys()), [])
})

test('no two options share a flag or an environment variable', (t) => {
  t.is(new Set(optionNames.map(flagName)).size, optionNames.length)
  t.is(new Set(optionNames.map(environmentName)).size, optionNames.length)
})
