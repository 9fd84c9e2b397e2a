import test from 'ava'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('reading a log takes memory for a few chunks, not for the log', async (t) => {
  const program = new URL('fixtures/read-memory.js', import.meta.url)

  const { stdout } = await runFixture(program, [temporaryDirectory(t), '96'])

  const { bytes, grownMiB } = JSON.parse(stdout) as { bytes: number; grownMiB: number }
  t.is(bytes, 96 * 256 * 4096)
  t.true(grownMiB < 40, `grew by ${grownMiB} MiB`)
})
