import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import test from 'ava'

import { KeyValueMachine } from '../../src/apply/key-value.js'
import type { ClustorError } from '../../src/base/errors.js'
import { asReplica } from '../../src/base/ids.js'
import type { ReplicaId } from '../../src/base/ids.js'
import { Node } from '../../src/node/node.js'
import {
  LoopbackCluster,
  describePut,
  partitionName,
  putCommand,
  untilChange,
} from './loopback-cluster.js'

test('three nodes on real logs and sockets replicate, read, fail over and catch up', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  await cluster.startAll()

  const leader = await cluster.leader()
  const first = await leader.propose(putCommand('a', 'one'))
  t.deepEqual(await leader.read((machine) => machine.get('a')?.version), Number(first.index))

  const leaderName = leader.status().leader ?? ''
  await cluster.stop(leaderName)
  const next = await cluster.leader()
  await next.propose(putCommand('b', 'two'))
  t.deepEqual(await next.read((machine) => machine.count({})), 2)

  const restarted = await cluster.start(leaderName)
  await untilChange(restarted, () => restarted.readLocal((m) => m.count({})).value === 2)
  t.like(restarted.status(), { role: 'follower', partition: partitionName })
  t.deepEqual(
    cluster.problems.filter(({ code }) => code === 'ERR_INVARIANT'),
    [],
  )
})

test('concurrent proposals are applied once, in call order, and every node streams them alike', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  await cluster.startAll()
  const leader = await cluster.leader()

  const puts = Array.from({ length: 500 }, (_, at) => `k${at}=v${at}`)
  const results = await Promise.all(
    puts.map((_, at) => leader.propose(putCommand(`k${at}`, `v${at}`))),
  )

  const indexes = results.map(({ index }) => Number(index))
  t.deepEqual(
    indexes,
    [...indexes].sort((a, b) => a - b),
  )
  for (const name of cluster.names) {
    const seen: string[] = []
    for await (const { payload } of cluster.partition(name).subscribe()) {
      seen.push(describePut(payload))
      if (seen.length === puts.length) break
    }
    t.deepEqual(seen, puts)
  }
})

test('a session makes a retry exactly-once over real nodes', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1')
  const leader = await cluster.leader()
  const session = await leader.openSession()
  const stamp = session.next()

  const first = await leader.propose(putCommand('a', 'one'), { session: stamp })
  const retry = await leader.propose(putCommand('a', 'one'), { session: stamp })
  session.acknowledge(stamp)
  await leader.closeSession(session.id)

  t.deepEqual(retry.result, first.result)
  t.is(retry.index, first.index)
  await t.throwsAsync(leader.propose(putCommand('a', 'two'), { session: session.next() }), {
    code: 'ERR_SESSION_EXPIRED',
  })
})

test('a proposal is refused when only its envelope makes it too large for an entry', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1', { payloadBytesMax: 4096, proposalBytesMax: 4096 })
  const leader = await cluster.leader()

  await t.throwsAsync(leader.propose(new Uint8Array(4096)), { code: 'ERR_TOO_LARGE' })
  await t.notThrowsAsync(leader.propose(new Uint8Array(4096 - 26)))
})

test('a second node on the same directory is refused', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1')
  const other = await LoopbackCluster.create(['n1'])
  t.teardown(() => other.remove())
  const { dataDir } = cluster.options('n1')

  await t.throwsAsync(other.start('n1', { dataDir }), { code: 'ERR_LOCKED' })
})

test('a directory of another cluster is refused', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1')
  await cluster.stop('n1')

  await t.throwsAsync(cluster.start('n1', { cluster: 'other' }), { code: 'ERR_IDENTITY_MISMATCH' })
})

test('a directory that cannot be written is refused with its path', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  const { dataDir } = cluster.options('n1')
  await mkdir(path.dirname(dataDir), { recursive: true })
  await writeFile(dataDir, 'a file')

  const error = await t.throwsAsync(Node.open(cluster.options('n1')), { code: 'ERR_NOT_WRITABLE' })

  t.true(error.message.includes(dataDir))
})

test('a directory below a file system that takes none is refused at once', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())

  // mkdir's own option `recursive` tries this one forever.
  const options = { ...cluster.options('n1'), dataDir: '/proc/clustor/n1' }
  const error = await t.throwsAsync(Node.open(options), { code: 'ERR_NOT_WRITABLE' })

  t.true(error.message.includes('/proc/clustor/n1'))
})

test('options are checked with codes', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  const refused = async (more: object): Promise<void> => {
    await t.throwsAsync(Node.open(cluster.options('n1', more)), { code: 'ERR_INVALID_ARGUMENT' })
  }

  await refused({ nodeId: 'n9' })
  await refused({ tickMs: 0 })
  await refused({ tickMillis: 10 })
  await refused({ durability: 'sometimes' })
  await refused({ clientListen: 'nowhere' })
})

test('an address in use is refused', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1')
  const other = await LoopbackCluster.create(['n1'])
  t.teardown(() => other.remove())
  const { listen = '', clientListen = '' } = cluster.options('n1').members?.['n1'] ?? {}

  await t.throwsAsync(other.start('n1', { listen }), { code: 'ERR_IO' })
  await t.throwsAsync(other.start('n1', { clientListen }), { code: 'ERR_IO' })
})

test('a partition is opened once, under a good name, on an open node', async (t) => {
  const cluster = await LoopbackCluster.create(['n1'])
  t.teardown(() => cluster.remove())
  await cluster.start('n1')
  const node = cluster.node('n1')
  const open = (name: string) =>
    node.openPartition(name, { stateMachine: () => new KeyValueMachine() })

  await t.throwsAsync(open(partitionName), { code: 'ERR_INVALID_ARGUMENT' })
  await t.throwsAsync(open('../escape'), { code: 'ERR_INVALID_ARGUMENT' })
  await t.notThrowsAsync(open('second'))
  await cluster.stop('n1')
  await t.throwsAsync(open('third'), { code: 'ERR_CLOSED' })
})

test('closing a node fails what waits and can be repeated', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  const alone = await cluster.start('n1')
  const pending = alone.read((machine) => machine.count({}))

  const node = cluster.node('n1')
  await Promise.all([node.close(), cluster.stop('n1')])

  const error = await t.throwsAsync(pending)
  t.regex((error as Error & { code: string }).code, /ERR_NOT_LEADER|ERR_CLOSED/)
  t.is(node.status().partitions[0]?.role, 'stopped')
})

test('every node of a partition answers linearizable reads, and shows a write by its index', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  await cluster.startAll()
  const leader = await cluster.leader()

  const { index } = await leader.propose(putCommand('a', 'one'))
  for (const name of cluster.names) {
    const partition = cluster.partition(name)
    t.is(await partition.readAt(index, (m) => m.count({})), 1)
    t.is(await partition.read((m) => m.count({}), { anywhere: true }), 1)
  }
})

test('a node hands its leadership over, and the one that has it removes and takes back the other', async (t) => {
  const cluster = await LoopbackCluster.create()
  t.teardown(() => cluster.remove())
  await cluster.startAll()
  const before = await cluster.leader()
  const { replica: old } = before.status()
  const target = asReplica((old % 3) + 1)

  await handOver(before, target)
  const leader = await cluster.leader()
  t.is(leader.status().replica, target)
  await leader.propose(putCommand('first', 'of this leadership'))
  const without = await leader.changeMembership({
    transition: 'auto',
    changes: [{ kind: 'remove', id: old }],
  })
  t.is(without.incoming.length, 2)
  await t.throwsAsync(
    leader.changeMembership({ transition: 'auto', changes: [{ kind: 'add-voter', id: old }] }),
    { code: 'ERR_MEMBERSHIP_BUSY' },
  )
  const back = await leader.changeMembership({
    transition: 'auto',
    changes: [{ kind: 'add-learner', id: old }],
  })

  t.deepEqual(back.learners, [old])
})

/** Hands leadership over as soon as it is old enough for that. */
async function handOver(
  leader: Awaited<ReturnType<LoopbackCluster['leader']>>,
  target: ReplicaId,
): Promise<void> {
  for (;;) {
    try {
      await leader.transferLeadership(target)
      return
    } catch (error) {
      if ((error as ClustorError).code !== 'ERR_TRANSFER_TOO_SOON') throw error
      await leader.propose(putCommand('meanwhile', 'a write'))
    }
  }
}
