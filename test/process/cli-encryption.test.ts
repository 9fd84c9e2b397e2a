import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import test from 'ava'
import { clustor, DevCluster, nothingLeft, startCommand, withDirectory } from './cli-support.js'

const secret = 'a value that is on no disk in plain'

interface Started {
  readonly child: ChildProcess
  readonly endpoints: string[]
}

/** Starts a node of its own cluster with a key file. */
async function startNode(directory: string, keysFile: string): Promise<Started> {
  const child = startCommand([
    ...['start', '--json', '--cluster=alone', '--node-id=n1', '--listen=127.0.0.1:0'],
    ...['--client-listen=127.0.0.1:0', `--data-dir=${directory}`, '--segment-bytes=1MiB'],
    `--keys-file=${keysFile}`,
  ])
  const lines = createInterface({ input: child.stdout ?? process.stdin })
  const [line] = (await once(lines, 'line')) as [string]
  const { clientListen } = JSON.parse(line) as { clientListen: string }
  return { child, endpoints: ['--endpoints', clientListen] }
}

async function stop({ child }: Started): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** Runs a node that stores the secret, and returns its data directory and key file. */
async function encryptedNode(directory: string): Promise<{ data: string; keysFile: string }> {
  const [data, keysFile] = [join(directory, 'data'), join(directory, 'keys.json')]
  await clustor(['keys', 'create', keysFile])
  const node = await startNode(data, keysFile)
  for (let count = 0; count < 3; count++) {
    await clustor(['put', `kept${count}`, secret, ...node.endpoints])
  }
  await stop(node)
  return { data, keysFile }
}

test('W21: a node with a key file stores nothing in plain, and has its data after a rotation', async (t) => {
  await withDirectory(async (directory) => {
    const { data, keysFile } = await encryptedNode(directory)
    const wal = join(data, 'default', 'wal')
    for (const name of await readdir(wal)) {
      t.false((await readFile(join(wal, name))).includes('no disk in plain'), name)
    }

    t.is((await clustor(['keys', 'rotate', keysFile])).code, 0)
    const again = await startNode(data, keysFile)
    const { stdout } = await clustor(['get', 'kept1', ...again.endpoints])
    await stop(again)

    t.is(stdout, `${secret}\n`)
  })
})

test('W21: the log commands need the keys and say which code is missing or wrong', async (t) => {
  await withDirectory(async (directory) => {
    const { data, keysFile } = await encryptedNode(directory)
    const other = join(directory, 'other.json')
    await clustor(['keys', 'create', other])

    const without = await clustor(['log', 'verify', data])
    const wrong = await clustor(['log', 'verify', data, '--keys', other])
    const right = await clustor(['log', 'verify', data, '--keys', keysFile, '--json'])
    const dumped = await clustor(['log', 'dump', data, '--keys', keysFile, '--type', 'entry'])

    t.is(without.code, 1)
    t.regex(without.stdout, /ERR_KEY_UNKNOWN_EPOCH[^]*--keys FILE/)
    t.is(wrong.code, 1)
    t.regex(wrong.stdout, /ERR_KEY_WRONG/)
    t.is(right.code, 0)
    t.like(JSON.parse(right.stdout), { opens: true })
    t.true(dumped.stdout.trim().split('\n').length >= 3)
  })
})

test('a proof that the command made is checked without log and keys, and a changed one fails', async (t) => {
  await withDirectory(async (directory) => {
    const { data, keysFile } = await encryptedNode(directory)
    const file = join(directory, 'proof.json')

    const made = await clustor(['log', 'prove', data, '3', '--keys', keysFile])
    await writeFile(file, made.stdout)
    const { root } = JSON.parse(made.stdout) as { root: string }
    const good = await clustor(['log', 'prove', '--verify', file, '--root', root])
    const bad = await clustor([
      'log',
      'prove',
      '--verify',
      file,
      '--root',
      'ab'.repeat(32),
      '--json',
    ])
    const usage = await clustor(['log', 'prove', '--verify', file])

    t.is(made.code, 0, made.stderr)
    t.is(good.code, 0)
    t.regex(good.stdout, /proven: entry 3/)
    t.is(bad.code, 1)
    t.like(JSON.parse(bad.stdout), { proven: false })
    t.is(usage.code, 2)
  })
})

test('a development cluster runs encrypted with keys of the moment', async (t) => {
  const cluster = await DevCluster.start(['--aead', '--ledger', 'inline'])
  try {
    await cluster.run(['put', 'kept', secret])
    const read = await cluster.run(['get', 'kept'])

    t.is(read.stdout, `${secret}\n`)
    for (const { name } of cluster.ready.nodes) {
      const wal = join(cluster.ready.directory, name, 'default', 'wal')
      for (const file of await readdir(wal)) {
        t.false((await readFile(join(wal, file))).includes('no disk in plain'), file)
      }
    }
  } finally {
    await cluster.interrupt()
  }
  await nothingLeft(cluster.ready)
})

test('keys of the moment are refused for data that stays', async (t) => {
  const { code, stderr } = await clustor(['dev', '--aead', '--data', 'somewhere'])

  t.is(code, 2)
  t.regex(stderr, /--keys FILE/)
})
