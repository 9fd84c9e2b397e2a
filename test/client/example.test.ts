import test from 'ava'

import { FakeCluster } from '../support/fake-cluster.js'
import { keyValueMachine } from '../support/key-value-fake.js'
import { runExample } from '../support/run-example.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('docs/examples/client.mjs runs, prints what its comments say, and ends by itself', async (t) => {
  const cluster = await FakeCluster.start(2, { machine: keyValueMachine() })
  cluster.leader = 1

  const end = await runExample('client.mjs', temporaryDirectory(t), cluster.endpoints)

  t.is(end.code, 0, end.stderr)
  t.deepEqual(end.stdout.trim().split('\n'), [
    '3 puts: done, done, done',
    'pears: 2',
    'nuts: null',
    'pears: done, then version-differs',
    'stock/apples = 1',
    'stock/pears = 7',
    'stock/plums = 3',
    '4 entries from the first put to the swap',
    'ERR_TOO_LARGE not-applied',
  ])
  await cluster.stop()
})
