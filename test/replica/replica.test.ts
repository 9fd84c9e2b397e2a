import test from 'ava'

import { SimulatedCluster } from './simulated-cluster.js'

test('three replicas elect a leader and apply a proposal on all of them', async (t) => {
  const cluster = new SimulatedCluster(1)
  const leader = await cluster.elect()

  const attempt = cluster.propose(leader, 'hello')
  await cluster.until('settled', () => attempt.result !== undefined && cluster.isSettled())

  t.deepEqual(Buffer.from(attempt.result?.result as Uint8Array).toString(), '1')
  for (const { machine } of cluster.nodes) t.deepEqual(machine.texts, ['hello'])
  await cluster.closeAll()
})
