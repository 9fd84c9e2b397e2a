import test from 'ava'

import { runHistory } from '../history/run-history.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

test('L05: what clients see of processes that are killed, stopped and cut off is linearizable', async (t) => {
  const { history, verdict, faults, network } = await runHistory({
    nodeCount: 3,
    seconds: 8,
    kinds: ['kill', 'pause', 'partition'],
    seed: 1,
    directory: temporaryDirectory(t),
  })
  t.log(`partitions by ${network}`)

  t.deepEqual(verdict, { kind: 'linearizable' })
  t.true(history.filter(({ outcome }) => outcome === 'ok').length > 100)
  for (const kind of ['kill', 'pause', 'partition'] as const) t.true(faults[kind] > 0, kind)
})

test('partitions by proxies are there for machines without network namespaces', async (t) => {
  const { verdict, faults } = await runHistory({
    nodeCount: 3,
    seconds: 3,
    kinds: ['partition'],
    seed: 2,
    directory: temporaryDirectory(t),
    network: 'proxies',
  })

  t.deepEqual(verdict, { kind: 'linearizable' })
  t.true(faults.partition > 0)
})
