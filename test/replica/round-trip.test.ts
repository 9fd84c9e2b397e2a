import test from 'ava'

import { SimulatedCluster, tickMs } from './simulated-cluster.js'

// Nobody looks for another leader while the network grows slow.
const options = { checkQuorum: false, electionTimeoutMsMax: 20_000 }

test('the status tells how far the peers are, and a follower that it is far away', async (t) => {
  const cluster = new SimulatedCluster(1, 3, {}, { options })
  await cluster.elect(1)
  await cluster.steps(100)
  const near = cluster.status(1).peers.map(({ roundTripMs }) => roundTripMs)
  cluster.weather = { delayStepsMax: 40 }

  await cluster.until('a high round trip', () => cluster.status(2).highRoundTrip)

  t.is(near[0], null)
  t.true((near[1] ?? Infinity) <= 2 * tickMs, `${near[1]}`)
  t.true((cluster.status(1).peers[1]?.roundTripMs ?? 0) >= 150)
  t.like(cluster.status(2), { highRoundTripCount: 1, widenedTimeoutCount: 0 })
  t.like(cluster.status(1), { role: 'leader', highRoundTrip: false, highRoundTripCount: 0 })
  await cluster.closeAll()
})
