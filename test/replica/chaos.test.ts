import test from 'ava'
import type { ExecutionContext } from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { SessionClient } from './session-client.js'
import { SimulatedCluster } from './simulated-cluster.js'

const seedCount = 120
const seedsPerTest = 20
const faultSteps = 250

for (let first = 1; first <= seedCount; first += seedsPerTest) {
  const last = first + seedsPerTest - 1
  test(`L06, R17: under crashes, cuts, loss and full disks every acknowledged proposal is applied once and in order (seeds ${first} to ${last})`, async (t) => {
    let retries = 0
    for (let seed = first; seed <= last; seed++) retries += await runSeed(t, seed)
    t.true(retries > 0, 'no seed made a client retry')
  })
}

async function runSeed(t: ExecutionContext, seed: number): Promise<number> {
  const random = new SeededRandom(seed)
  const cluster = new SimulatedCluster(seed, 3, {
    appliesLater: seed % 2 === 0,
    lossPercent: integerBetween(random, 0, 10),
    delayStepsMax: integerBetween(random, 0, 3),
    flushPercent: integerBetween(random, 30, 100),
  })
  const clients = [4, 1, 16].map(
    (pipelineMax, at) => new SessionClient(cluster, random, `c${at}`, pipelineMax),
  )
  for (let step = 0; step < faultSteps; step++) {
    await disturb(cluster, random)
    for (const client of clients) client.act({ more: true })
    await cluster.step()
    checkPrefixes(t, cluster, seed)
  }
  await heal(cluster)
  await cluster.until(`seed ${seed} to end`, () => {
    for (const client of clients) client.act({ more: false })
    checkPrefixes(t, cluster, seed)
    return clients.every(({ isIdle }) => isIdle) && cluster.isSettled()
  })
  checkHistory(t, cluster, clients, seed)
  await cluster.closeAll()
  return clients.reduce((sum, { retryCount }) => sum + retryCount, 0)
}

async function disturb(cluster: SimulatedCluster, random: SeededRandom): Promise<void> {
  const id = integerBetween(random, 1, 3)
  const down = cluster.nodes.find(({ replica }) => replica === null)
  switch (integerBetween(random, 0, 39)) {
    case 0:
      if (down === undefined) cluster.kill(id)
      break
    case 1:
    case 2:
      if (down !== undefined) await cluster.restart(down.id)
      break
    case 3:
      cluster.isolate(id)
      break
    case 4:
      cluster.cut(id, (id % 3) + 1)
      break
    case 5:
    case 6:
      cluster.heal()
      break
    case 7:
      cluster.node(id).log.failQueued(new ClustorError('ERR_DISK_FULL', 'no space left'))
  }
}

async function heal(cluster: SimulatedCluster): Promise<void> {
  cluster.heal()
  cluster.weather = {}
  for (const { id, replica } of cluster.nodes) {
    if (replica === null) await cluster.restart(id)
  }
}

// State machine safety (Raft figure 3): what two replicas have applied at one position is the same.
function checkPrefixes(t: ExecutionContext, cluster: SimulatedCluster, seed: number): void {
  const histories = cluster.nodes.map(({ machine }) => machine.applied)
  const [longest] = [...histories].sort((a, b) => b.length - a.length)
  for (const history of histories) {
    const at = history.length - 1
    const [mine, theirs] = [history[at], longest?.[at]]
    if (mine?.text !== theirs?.text || mine?.index !== theirs?.index) {
      t.fail(`seed ${seed}: position ${at} differs: ${mine?.text} and ${theirs?.text}`)
    }
  }
}

function checkHistory(
  t: ExecutionContext,
  cluster: SimulatedCluster,
  clients: readonly SessionClient[],
  seed: number,
): void {
  for (const { id, machine } of cluster.nodes) {
    t.is(cluster.status(id).role === 'stopped', false, `seed ${seed}: n${id} stopped`)
    for (const [at, { acknowledged }] of clients.entries()) {
      const applied = machine.texts.filter((text) => text.startsWith(`c${at}:`))
      t.deepEqual(applied, acknowledged, `seed ${seed}: client ${at} on n${id}`)
    }
  }
}
