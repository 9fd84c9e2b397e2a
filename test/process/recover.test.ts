import { cpSync, rmSync } from 'node:fs'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import type { ExecutionContext } from 'ava'

import { Client } from '../../src/client.js'
import { KeyValueMachine, Node } from '../../src/index.js'
import type {
  MemberAddresses,
  MembershipChange,
  NodeOptions,
  ReplicaChange,
  Survivor,
} from '../../src/index.js'
import { asReplica } from '../../src/base/ids.js'
import { encodeCommand } from '../../src/apply/key-value-codec.js'
import { createKeyFile } from '../../src/log.js'
import { freeAddresses } from '../support/free-addresses.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { clustor, ended, startCommand } from './cli-support.js'
import type { NodeMessage } from './member-node.js'

const program = fileURLToPath(new URL('member-node.js', import.meta.url))
const founders = ['n1', 'n2', 'n3'] as const
const putCount = 200

/** A node process and what it has said. */
class MemberProcess {
  readonly child: ChildProcess
  readonly #said: NodeMessage[] = []
  #heard: () => void = () => undefined

  constructor(options: object) {
    this.child = fork(program, [JSON.stringify(options)], { stdio: ['ignore', 2, 2, 'ipc'] })
    this.child.on('message', (message) => {
      this.#said.push(message as NodeMessage)
      this.#heard()
    })
    this.child.once('exit', () => this.#heard())
  }

  /** Resolves with the first message that is as wanted, said before or after the call, and forgets it. */
  async heard(isWanted: (message: NodeMessage) => boolean): Promise<NodeMessage> {
    for (;;) {
      const at = this.#said.findIndex(isWanted)
      if (at >= 0) return this.#said.splice(at, 1)[0] as NodeMessage
      if (this.child.exitCode !== null || this.child.signalCode !== null)
        throw new Error('it ended')
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
  }

  async change(kind: ReplicaChange['kind'], id: number): Promise<NodeMessage> {
    const change: MembershipChange = { transition: 'auto', changes: [{ kind, id: asReplica(id) }] }
    this.child.send(change)
    return this.heard((message) => message.kind === 'changed')
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }
}

/** Three founders and one that may join, on loopback. */
class Members {
  readonly #directory: string
  readonly #table: Readonly<Record<string, MemberAddresses>>

  static async create(directory: string): Promise<Members> {
    const addresses = await freeAddresses(8)
    const names = [...founders, 'n4']
    const table = names.map((name, at) => {
      const listen = addresses[2 * at] ?? ''
      const clientListen = addresses[2 * at + 1] ?? ''
      return [name, { listen, clientListen, replica: at + 1, joins: name === 'n4' }] as const
    })
    return new Members(directory, Object.fromEntries(table))
  }

  private constructor(directory: string, table: Readonly<Record<string, MemberAddresses>>) {
    this.#directory = directory
    this.#table = table
  }

  dataDir(name: string): string {
    return join(this.#directory, name)
  }

  async start(name: string): Promise<MemberProcess> {
    const options = { cluster: 'c1', nodeId: name, members: this.#table, durability: 'group' }
    const small = { segmentBytes: 1024 * 1024, dataDir: this.dataDir(name) }
    const started = new MemberProcess({ ...options, ...small })
    await started.heard(({ kind }) => kind === 'ready')
    return started
  }

  client(...names: string[]): Promise<Client> {
    const endpoints = names.map((name) => this.#table[name]?.clientListen ?? '')
    return Client.connect({ endpoints })
  }
}

test('M15: a majority is lost; the most advanced survivor is forced and serves what was acknowledged, old members are fenced, new ones join', async (t) => {
  const members = await Members.create(temporaryDirectory(t))
  const running = new Map<string, MemberProcess>()
  t.teardown(async () => {
    for (const each of running.values()) if (each.child.connected) await each.kill()
  })
  for (const name of founders) running.set(name, await members.start(name))
  await writeAll(members)

  const inUse = await clustor(['recover', 'force', members.dataDir('n1'), '--yes'])
  t.is(inUse.code, 1)
  t.regex(inUse.stderr, /ERR_LOCKED/)
  for (const name of founders) await running.get(name)?.kill()

  const directories = founders.map((name) => members.dataDir(name))
  const compared = await clustor(['recover', 'compare', ...directories, '--json'])
  t.is(compared.code, 0, compared.stderr)
  const ranked = compared.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Survivor)
  const best = ranked[0]
  if (best === undefined) return t.fail()
  const survivor = founders[best.replica - 1] ?? ''
  const [old = '', gone = ''] = founders.filter((name) => name !== survivor)
  rmSync(members.dataDir(gone), { recursive: true })

  await forceAsTold(t, members.dataDir(survivor), Number(best.lastIndex))

  const leader = await members.start(survivor)
  running.set(survivor, leader)
  const client = await members.client(survivor)
  t.teardown(() => client.close())
  for (let at = 0; at < putCount; at++) {
    const row = await client.keyValue('default').get(`k${at}`)
    t.is(Buffer.from(row?.value ?? '').toString(), `v${at}`)
  }
  const { term } = (await client.status({ partition: 'default' })) as { term: number }

  const returned = await members.start(old)
  running.set(old, returned)
  await returned.heard(
    (message) => message.kind === 'problem' && message.code === 'ERR_EPOCH_MISMATCH',
  )
  await client.keyValue('default').put('after', 'the recovery')
  t.like(await client.status({ partition: 'default' }), { term, role: 'leader' })
  const outside = await members.client(old)
  t.teardown(() => outside.close())
  t.is(await outside.keyValue('default').get('after', { consistency: 'local' }), null)

  running.set('n4', await members.start('n4'))
  await leader.change('add-learner', 4)
  t.like(await leader.change('add-voter', 4), { incoming: [Number(best.replica), 4] })
  const joined = await members.client('n4')
  t.teardown(() => joined.close())
  await client.keyValue('default').put('with', 'two')
  t.is(await countOf(joined, putCount + 2), putCount + 2)
})

/** Writes what the cluster must not lose, and waits until all of it is acknowledged. */
async function writeAll(members: Members): Promise<void> {
  const client = await members.client(...founders)
  for (let at = 0; at < putCount; at++) {
    await client.keyValue('default').put(`k${at}`, `v${at}`)
  }
  await client.close()
}

/** Forces a survivor: refused without a confirmation, done with one, and only once. */
async function forceAsTold(t: ExecutionContext, dataDir: string, lastIndex: number): Promise<void> {
  const unconfirmed = await clustor(['recover', 'force', dataDir])
  t.is(unconfirmed.code, 1)
  t.regex(unconfirmed.stderr, /ERR_NOT_CONFIRMED/)
  t.regex(unconfirmed.stderr, new RegExp(`lost: entries from ${lastIndex + 1} on`))
  const forced = await clustor(['recover', 'force', dataDir, '--yes', '--json'])
  t.is(forced.code, 0, forced.stderr)
  t.like(JSON.parse(forced.stdout), {
    epoch: 1,
    lastIndex,
    forced: { index: lastIndex + 1 },
  })
  const again = await clustor(['recover', 'force', dataDir, '--yes'])
  t.is(again.code, 0, again.stderr)
  t.regex(again.stdout, /recovered already; nothing was changed/)
}

/** The keys that a node has applied, as soon as they are so many. */
async function countOf(client: Client, wanted: number): Promise<number> {
  for (;;) {
    const count = await client.keyValue('default').count({}, { consistency: 'local' })
    if (count >= wanted) return count
  }
}

test('M15: a forced recovery that is killed leaves the old log or the recovered one, and says which', async (t) => {
  const directory = temporaryDirectory(t)
  const made = join(directory, 'made')
  const lastIndex = await makeLog(made)

  const outcomes = new Set<boolean>()
  for (const delayMs of [0, 3, 8, 20, 60]) {
    const copy = join(directory, `killed-after-${delayMs}`)
    cpSync(made, copy, { recursive: true })
    await killedForce(copy, delayMs)

    const seen = await clustor(['recover', 'compare', copy, '--json'])
    t.is(seen.code, 0, seen.stderr)
    const survivor = JSON.parse(seen.stdout) as Survivor
    t.is(Number(survivor.lastIndex), lastIndex + (survivor.isRecovered ? 1 : 0))
    t.is(survivor.epoch > 1, survivor.isRecovered)
    outcomes.add(survivor.isRecovered)

    const ending = await clustor(['recover', 'force', copy, '--yes'])
    t.is(ending.code, 0, ending.stderr)
    t.is(/recovered already/.test(ending.stdout), survivor.isRecovered)
  }
  t.true(outcomes.has(false))
})

test('M15: an encrypted log, with a ledger in JSON, is recovered under its keys', async (t) => {
  const directory = temporaryDirectory(t)
  const [data, keysFile] = [join(directory, 'n1'), join(directory, 'keys.json')]
  createKeyFile(keysFile)
  const lastIndex = await makeLog(data, { keysFile, ledgerCodec: 'json' })

  const without = await clustor(['recover', 'force', data, '--yes'])
  const forced = await clustor(['recover', 'force', data, '--yes', '--keys', keysFile])
  const seen = await clustor(['recover', 'compare', data, '--json', '--keys', keysFile])

  t.is(without.code, 1)
  t.regex(without.stderr, /ERR_KEY_UNKNOWN_EPOCH/)
  t.is(forced.code, 0, forced.stderr)
  t.like(JSON.parse(seen.stdout), { rank: 0, lastIndex: lastIndex + 1, isRecovered: true })
})

/** The log of a cluster of one. */
async function makeLog(dataDir: string, more: Partial<NodeOptions> = {}): Promise<number> {
  const [listen = '', clientListen = ''] = await freeAddresses(2)
  const options = { cluster: 'c1', nodeId: 'n1', dataDir, listen, clientListen }
  const small = { segmentBytes: 64 * 1024, ledgerBytesMax: 64 * 1024 }
  const node = await Node.open({ ...options, ...small, ...more })
  const partition = await node.openPartition('default', {
    stateMachine: () => new KeyValueMachine(),
  })
  while (partition.status().role !== 'leader') await partition.nextChange()
  const command = encodeCommand({ kind: 'put', key: 'a', value: Buffer.from('one') })
  const { index } = await partition.propose(command)
  await node.close()
  return index
}

/** Kills the command so long after it has begun to describe what it will do. */
async function killedForce(directory: string, delayMs: number): Promise<void> {
  const child = startCommand(['recover', 'force', directory, '--yes'])
  child.stderr?.once('data', () => {
    setTimeout(() => child.kill('SIGKILL'), delayMs)
  })
  await ended(child)
}
