import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** `clustor/log` as this build has it; the package's own name leads to its release build. */
const publicEntry = new URL('../../src/log.js', import.meta.url).href

test('docs/examples/log.mjs does what it says', async (t) => {
  const directory = temporaryDirectory(t)
  const example = readFileSync(join('docs', 'examples', 'log.mjs'), 'utf8')
  const program = join(directory, 'log.mjs')
  writeFileSync(program, example.replace("'clustor/log'", `'${publicEntry}'`))

  const end = await runFixture(pathToFileURL(program), [join(directory, 'data')])

  t.like(end, { code: 0, stderr: '' })
  t.deepEqual(end.stdout.trim().split('\n'), [
    'created, 0 entries',
    'durable at 1, 2, 3',
    'batch at 4 to 5',
    '3 plums',
    '4 nuts',
    '5 dates',
    'ERR_TOO_LARGE not-applied',
  ])
})
