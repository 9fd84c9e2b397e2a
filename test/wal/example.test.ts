import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { runFixture, type FixtureEnd } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** `clustor/log` as this build has it; the package's own name leads to its release build. */
const publicEntry = new URL('../../src/log.js', import.meta.url).href

/** Runs an example on a directory of its own; it is an empty one, or, with a name, one that does not exist. */
async function run(t: ExecutionContext, name: string, folder = ''): Promise<FixtureEnd> {
  const directory = temporaryDirectory(t)
  const example = readFileSync(join('docs', 'examples', name), 'utf8')
  const program = join(temporaryDirectory(t), name)
  writeFileSync(program, example.replace("'clustor/log'", `'${publicEntry}'`))
  return await runFixture(pathToFileURL(program), [join(directory, folder)])
}

test('docs/examples/log.mjs does what it says', async (t) => {
  const end = await run(t, 'log.mjs', 'data')

  t.like(end, { code: 0, stderr: '' })
  t.deepEqual(end.stdout.trim().split('\n'), [
    'created, 0 entries',
    'durable at 1, 2, 3',
    'batch at 4 to 5',
    'blocking at 6',
    '3 plums',
    '4 nuts',
    '5 dates',
    '6 figs',
    'ERR_TOO_LARGE not-applied',
  ])
})

test('docs/examples/encrypted-log.mjs does what it says', async (t) => {
  const end = await run(t, 'encrypted-log.mjs')

  t.like(end, { code: 0, stderr: '' })
  t.deepEqual(end.stdout.trim().split('\n'), [
    'entry 4 is under new keys',
    'entry 2 is proven: true',
    'in another place: false',
  ])
})
