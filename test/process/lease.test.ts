import test from 'ava'
import type { ExecutionContext } from 'ava'

import { Client } from '../../src/client.js'
import { Cluster } from '../history/cluster.js'
import { LinkNetwork } from '../history/link-network.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A leader that stood still keeps its leadership here: what it answers is left to its lease. */
const settings = {
  leaseMs: 400,
  electionTimeoutMsMin: 600,
  electionTimeoutMsMax: 900,
  loopStallMsMax: 60_000,
}
const nodeCount = 3
const roundCount = 3
const readCount = 20
const patient = { timeoutMs: 60_000 }

interface SeenStatus {
  readonly role: string
  readonly leaseHeld: boolean
}

test('L03: a leader that was stopped for longer than its lease answers no read, of those that it finds in its sockets, with a value that its successor has replaced', async (t) => {
  const network = await LinkNetwork.open(nodeCount)
  t.teardown(() => {
    network.close()
  })
  const cluster = await Cluster.start(temporaryDirectory(t), nodeCount, network, settings)
  t.teardown(() => cluster.close())
  for (let round = 1; round <= roundCount; round++) await stopAndRead(t, cluster, round)
})

async function stopAndRead(t: ExecutionContext, cluster: Cluster, round: number): Promise<void> {
  const leader = await leaseHolder(cluster)
  const ofLeader = await connect(t, [endpointOf(cluster, leader)])
  const ofOthers = await connect(
    t,
    cluster.endpoints.filter((endpoint) => endpoint !== endpointOf(cluster, leader)),
  )
  await ofLeader.keyValue('default').put('key', `old ${round}`, patient)
  await until(() => holdsLease(ofLeader))

  cluster.isolate(leader, 'both')
  cluster.signal(leader, 'SIGSTOP')
  await ofOthers.keyValue('default').put('key', `new ${round}`, patient)
  const reads = Array.from({ length: readCount }, () => valueOf(ofLeader))
  // Another answer means that the reads have left, too.
  await valueOf(ofOthers)
  cluster.signal(leader, 'SIGCONT')
  // It has nobody to ask before it has answered for itself.
  await statusOf(ofLeader)
  cluster.heal()

  t.deepEqual(new Set(await Promise.all(reads)), new Set([`new ${round}`]))
}

async function connect(t: ExecutionContext, endpoints: readonly string[]): Promise<Client> {
  const client = await Client.connect({ endpoints })
  t.teardown(() => client.close())
  return client
}

async function leaseHolder(cluster: Cluster): Promise<string> {
  for (;;) {
    for (const name of cluster.names) {
      const client = await Client.connect({ endpoints: [endpointOf(cluster, name)] })
      const holds = await holdsLease(client)
      await client.close()
      if (holds) return name
    }
  }
}

async function holdsLease(client: Client): Promise<boolean> {
  const { role, leaseHeld } = await statusOf(client)
  return role === 'leader' && leaseHeld
}

const statusOf = async (client: Client): Promise<SeenStatus> =>
  (await client.status({ partition: 'default' })) as SeenStatus

async function valueOf(client: Client): Promise<string> {
  const row = await client.keyValue('default').get('key', patient)
  return Buffer.from(row?.value ?? []).toString()
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition()));
}

const endpointOf = ({ names, endpoints }: Cluster, name: string): string =>
  endpoints[names.indexOf(name)] ?? ''
