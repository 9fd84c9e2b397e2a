import test from 'ava'
import type { ExecutionContext } from 'ava'

import { encodeCommand, decodeCommand } from '../../src/apply/key-value-codec.js'
import { Client } from '../../src/client.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { ClusterProcesses } from './cluster-processes.js'

const writers = 32
/** Acknowledged puts between two events: enough that both sides of every kill see load. */
const putsBetween = 1_500

/** Writers that put `writer:count` one after the other, and remember what was acknowledged. */
class Load {
  readonly acknowledged: { readonly index: number; readonly key: string }[] = []
  readonly failures: unknown[] = []
  readonly #client: Client
  readonly #writing: Promise<void>
  #stopped = false
  #milestone: { readonly count: number; readonly reached: () => void } | null = null

  constructor(client: Client) {
    this.#client = client
    const all = Array.from({ length: writers }, (_, writer) => this.#write(writer))
    this.#writing = Promise.all(all).then(() => undefined)
  }

  /** Resolves when so many more puts are acknowledged. */
  async more(count: number): Promise<void> {
    const target = this.acknowledged.length + count
    await new Promise<void>((reached) => {
      this.#milestone = { count: target, reached }
    })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#writing
  }

  async #write(writer: number): Promise<void> {
    for (let count = 0; !this.#stopped; count++) {
      const key = `${writer}:${count}`
      const value = Buffer.alloc(64, writer)
      try {
        const { index } = await this.#client.propose(
          'default',
          encodeCommand({ kind: 'put', key, value }),
          { timeoutMs: 60_000 },
        )
        this.#acknowledge(index, key)
      } catch (error) {
        this.failures.push(error)
        this.#stopped = true
      }
    }
    if (this.failures.length > 0) this.#milestone?.reached()
  }

  #acknowledge(index: number, key: string): void {
    this.acknowledged.push({ index, key })
    if (this.#milestone !== null && this.acknowledged.length >= this.#milestone.count) {
      this.#milestone.reached()
      this.#milestone = null
    }
  }
}

test('W01: leader and follower are killed in turn under load, and every acknowledged proposal is on all three, once and in order', async (t) => {
  const cluster = await ClusterProcesses.start(temporaryDirectory(t))
  t.teardown(() => cluster.killAll())
  const client = await Client.connect({ endpoints: cluster.endpoints })
  t.teardown(() => client.close())
  const load = new Load(client)

  for (const victimRole of ['leader', 'follower', 'leader', 'follower'] as const) {
    await load.more(putsBetween)
    const victim = await pick(cluster, victimRole)
    await cluster.kill(victim)
    await load.more(putsBetween)
    await cluster.startNode(victim)
  }
  await load.more(putsBetween)
  await load.stop()

  t.deepEqual(load.failures, [])
  const histories = await Promise.all(cluster.names.map((name) => history(cluster, name, load)))
  for (const [at, seen] of histories.entries()) {
    checkHistory(t, cluster.names[at] ?? '', seen, load)
    t.deepEqual(seen, histories[0], `${cluster.names[at]} and ${cluster.names[0]} differ`)
  }
})

test('a closed node lets its process end by itself', async (t) => {
  const cluster = await ClusterProcesses.start(temporaryDirectory(t))
  t.teardown(() => cluster.killAll())
  await cluster.leader()

  const codes = await Promise.all(cluster.names.map((name) => cluster.close(name)))

  t.deepEqual(codes, [0, 0, 0])
})

async function pick(cluster: ClusterProcesses, role: 'leader' | 'follower'): Promise<string> {
  const leader = await cluster.leader()
  if (role === 'leader') return leader
  return cluster.names.find((name) => name !== leader) ?? ''
}

/** What one node has applied, up to the last acknowledged index. */
async function history(
  cluster: ClusterProcesses,
  name: string,
  { acknowledged }: Load,
): Promise<readonly string[]> {
  const last = Math.max(...acknowledged.map(({ index }) => index))
  const client = await Client.connect({ endpoints: [cluster.endpoint(name)] })
  const seen: string[] = []
  try {
    for await (const { index, payload } of client.subscribe('default')) {
      const command = decodeCommand(payload)
      seen.push(`${index} ${command?.key ?? 'no command'}`)
      if (index >= last) break
    }
  } finally {
    await client.close()
  }
  return seen
}

function checkHistory(
  t: ExecutionContext,
  name: string,
  seen: readonly string[],
  { acknowledged }: Load,
): void {
  const keys = seen.map((line) => line.split(' ')[1] ?? '')
  t.is(new Set(keys).size, keys.length, `${name} applied something twice`)
  const there = new Set(seen)
  t.deepEqual(
    acknowledged.filter(({ index, key }) => !there.has(`${index} ${key}`)),
    [],
    `${name} lacks what was acknowledged`,
  )
  for (let writer = 0; writer < writers; writer++) {
    const counts = keys
      .filter((key) => key.startsWith(`${writer}:`))
      .map((key) => Number(key.split(':')[1]))
    t.deepEqual(counts, [...counts.keys()], `writer ${writer} on ${name} is out of order`)
  }
}
