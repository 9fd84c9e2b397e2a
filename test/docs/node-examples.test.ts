import path from 'node:path'
import test from 'ava'

import { freeAddresses } from '../support/free-addresses.js'
import { runExample } from '../support/run-example.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const freePorts = async (count: number): Promise<readonly string[]> =>
  (await freeAddresses(count)).map((address) => address.split(':')[1] ?? '')

test('docs/examples/state-machine.mjs runs and prints what its comments say', async (t) => {
  const directory = temporaryDirectory(t)
  const data = path.join(directory, 'data')

  const end = await runExample('state-machine.mjs', directory, [data, ...(await freePorts(2))])

  t.is(end.code, 0, end.stderr)
  t.deepEqual(end.stdout.trim().split('\n'), [
    'entry 2 made the total 5',
    'a retry is answered with 12',
    'read: 12',
    'local: 12 as of entry 5',
    'applied at 2: 5',
    'applied at 4: 7',
  ])
})

test('docs/examples/node.mjs runs, loses its leader and goes on', async (t) => {
  const directory = temporaryDirectory(t)
  const data = path.join(directory, 'data')

  const end = await runExample('node.mjs', directory, [data, ...(await freePorts(6))])

  t.is(end.code, 0, end.stderr)
  t.regex(end.stdout, /^n[123] leads term \d+\n/)
  t.regex(end.stdout, /greeting: still here/)
  t.regex(end.stdout, /replica [123]: leader\n/)
  t.regex(end.stdout, /replica [123]: follower n[123] leads term \d+\n/)
})
