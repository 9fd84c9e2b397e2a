import { readFile, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import anyTest from 'ava'
import type { TestFn } from 'ava'
import { packageRoot } from '../../src/cli/package-root.js'
import {
  clustor,
  DevCluster,
  ended,
  nothingLeft,
  startCommand,
  withDirectory,
} from './cli-support.js'

const test = anyTest as TestFn<{ cluster: DevCluster }>

test.before('a development cluster runs', async (t) => {
  t.context.cluster = await DevCluster.start()
})

test.after.always('Ctrl-C ends it and leaves nothing behind', async (t) => {
  t.is(await t.context.cluster.interrupt(), 0)
  await nothingLeft(t.context.cluster.ready)
})

/** Loads a file of lines and returns how it ended and what is stored then. */
async function load(
  cluster: DevCluster,
  lines: readonly string[],
  words: readonly string[],
): Promise<{ code: number | null; stderr: string; keys: string[] }> {
  const prefix = `load-${words.join('')}-${lines.length}/`
  return withDirectory(async (directory) => {
    const path = join(directory, 'lines.ndjson')
    await writeFile(path, lines.join('\n'))
    const { code, stderr } = await cluster.run(['load', path, '--prefix', prefix, ...words])
    const { stdout } = await cluster.run(['scan', prefix, '--keys'])
    const keys = stdout
      .trim()
      .split('\n')
      .map((key) => key.slice(prefix.length))
    return { code, stderr, keys }
  })
}

test('what put writes, get reads', async (t) => {
  const { cluster } = t.context

  t.is((await cluster.run(['put', 'a', 'one'])).code, 0)

  t.is((await cluster.run(['get', 'a'])).stdout, 'one\n')
})

test('a value comes from standard input and back byte by byte', async (t) => {
  const { cluster } = t.context
  const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

  await cluster.run(['put', 'bytes', '-'], { input: bytes })

  const { stdout } = await cluster.run(['get', 'bytes', '--json'])
  const { valueBase64 } = JSON.parse(stdout) as { valueBase64: string }
  t.deepEqual(Uint8Array.from(Buffer.from(valueBase64, 'base64')), bytes)
})

test('a key that does not exist ends with exit code 1', async (t) => {
  const { code, stdout } = await t.context.cluster.run(['get', 'nothing'])

  t.is(code, 1)
  t.is(stdout, '')
})

test('delete removes a key', async (t) => {
  const { cluster } = t.context
  await cluster.run(['put', 'short-lived', 'x'])

  t.is((await cluster.run(['delete', 'short-lived'])).code, 0)

  t.is((await cluster.run(['get', 'short-lived'])).code, 1)
})

test('put --if-version writes only over the version it names', async (t) => {
  const { cluster } = t.context

  t.is((await cluster.run(['put', 'guarded', 'one', '--if-version', '0'])).code, 0)
  t.is((await cluster.run(['put', 'guarded', 'two', '--if-version', '0'])).code, 1)

  t.is((await cluster.run(['get', 'guarded'])).stdout, 'one\n')
})

test('scan lists keys in order', async (t) => {
  const { cluster } = t.context
  for (const key of ['s/2', 's/1', 's/3']) await cluster.run(['put', key, key.toUpperCase()])

  t.is((await cluster.run(['scan', 's/'])).stdout, 's/1\tS/1\ns/2\tS/2\ns/3\tS/3\n')
  t.is((await cluster.run(['scan', 's/', '--keys', '--limit', '2'])).stdout, 's/1\ns/2\n')
  t.is((await cluster.run(['scan', 's/', '--count'])).stdout, '3\n')
  t.is((await cluster.run(['scan', '--from', 's/2', '--to', 's/3', '--keys'])).stdout, 's/2\n')
})

test('a value over the limit is refused by code', async (t) => {
  const { code, stderr } = await t.context.cluster.run(['put', 'huge', '-'], {
    input: Buffer.alloc(1024 * 1024 + 1),
  })

  t.is(code, 1)
  t.regex(stderr, /ERR_TOO_LARGE/)
})

test('a real file is loaded line by line and comes back byte by byte', async (t) => {
  const { cluster } = t.context
  const file = join(packageRoot(), 'data/earthquakes.ndjson')

  const { code, stdout } = await cluster.run(['load', file, '--prefix', 'quakes/', '--json'])

  t.is(code, 0)
  t.like(JSON.parse(stdout), { lines: 1707, malformed: 0, nextLine: 1708, failure: null })
  const scanned = await cluster.run(['scan', 'quakes/', '--values'])
  t.is(scanned.stdout, await readFile(file, 'utf8'))
})

test('a malformed line stops a load by default, with its line number', async (t) => {
  const { code, stderr, keys } = await load(t.context.cluster, ['{"a":1}', '{"a":', '{"a":3}'], [])

  t.is(code, 1)
  t.regex(stderr, /lines\.ndjson:2: not JSON/)
  t.regex(stderr, /ERR_MALFORMED_LINE/)
  t.deepEqual(keys, ['000000001'])
})

test('with --on-error continue a malformed line is reported and the rest is loaded', async (t) => {
  const lines = ['{"a":1}', '{"a":', '{"a":3}']

  const { code, stderr, keys } = await load(t.context.cluster, lines, ['--on-error=continue'])

  t.is(code, 1)
  t.regex(stderr, /lines\.ndjson:2: not JSON/)
  t.deepEqual(keys, ['000000001', '000000003'])
})

test('--from-line continues a load', async (t) => {
  const { keys } = await load(t.context.cluster, ['1', '2', '3'], ['--from-line=2'])

  t.deepEqual(keys, ['000000002', '000000003'])
})

test('tail streams committed entries as NDJSON in log order', async (t) => {
  const { cluster } = t.context
  await cluster.run(['put', 'tailed', 'x'])

  const { code, stdout } = await cluster.run(['tail', '--idle', '500ms'])

  t.is(code, 0)
  const entries = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as TailedEntry)
  const indexes = entries.map(({ index }) => index)
  t.deepEqual(
    indexes,
    [...new Set(indexes)].sort((left, right) => left - right),
  )
  t.true(
    entries.some(
      ({ command, key, value }) => command === 'put' && key === 'tailed' && value === 'x',
    ),
  )
})

interface TailedEntry {
  readonly index: number
  readonly command: string
  readonly key: string
  readonly value: string
}

test('a reader that closes the pipe ends tail quietly', async (t) => {
  const { cluster } = t.context
  await cluster.run(['put', 'piped', 'x'])
  const child = startCommand(['tail', ...cluster.endpoints])
  const exited = once(child, 'exit')
  const complaints = child.stderr === null ? '' : text(child.stderr)

  child.stdout?.once('data', () => child.stdout?.destroy())
  // Entries that come later meet a closed pipe.
  await cluster.run(['put', 'piped', 'y'])
  await cluster.run(['put', 'piped', 'z'])
  await exited

  t.is(child.exitCode, 0)
  t.is(await complaints, '')
})

test('Ctrl-C ends tail and status --watch cleanly', async (t) => {
  const { cluster } = t.context
  await cluster.run(['put', 'watched', 'x'])
  for (const words of [['tail'], ['status', '--watch', '100ms', '--json']]) {
    const child = startCommand([...words, ...cluster.endpoints])
    child.stdout?.once('data', () => child.kill('SIGINT'))

    const { code, stderr } = await ended(child)

    t.is(code, 0, words[0])
    t.is(stderr, '', words[0])
  }
})

test('status --json says of every node what it is', async (t) => {
  const { code, stdout } = await t.context.cluster.run(['status', '--json'])

  t.is(code, 0)
  const status = JSON.parse(stdout) as StatusShape
  t.is(status.nodes.length, 3)
  t.is(status.nodes.filter(({ role }) => role === 'leader').length, 1)
  for (const node of status.nodes) {
    t.is(node.leader, status.leader)
    t.true(Number.isInteger(node.commitIndex) && node.commitIndex > 0)
    t.true(node.durableIndex >= 0 && node.appliedIndex >= 0)
  }
})

interface StatusShape {
  readonly leader: string
  readonly nodes: readonly {
    readonly role: string
    readonly leader: string
    readonly commitIndex: number
    readonly durableIndex: number
    readonly appliedIndex: number
  }[]
}

test('log verify, stats and dump read the data directory of a running node', async (t) => {
  const { cluster } = t.context
  await cluster.run(['put', 'logged', 'x'])
  const directory = join(cluster.ready.directory, 'n1')

  const verified = await clustor(['log', 'verify', directory, '--json'])
  const counted = await clustor(['log', 'stats', directory, '--json'])
  const dumped = await clustor(['log', 'dump', directory, '--type', 'entry', '--json'])

  t.is(verified.code, 0)
  t.like(JSON.parse(verified.stdout), { opens: true, error: null })
  t.true((JSON.parse(counted.stdout) as { entryCount: number }).entryCount > 0)
  t.true(dumped.stdout.trim().split('\n').length > 0)
})

test('a second process on a data directory is refused by code', async (t) => {
  const directory = join(t.context.cluster.ready.directory, 'n1')

  const { code, stderr } = await clustor(startWords('dev', directory))

  t.is(code, 1)
  t.regex(stderr, /ERR_LOCKED/)
})

test('a client that expects another cluster is refused by code', async (t) => {
  const { code, stderr } = await t.context.cluster.run(['get', 'key', '--cluster', 'another'])

  t.is(code, 1)
  t.regex(stderr, /ERR_CLUSTER_MISMATCH/)
})

test('a data directory of another cluster is refused by code', async (t) => {
  await withDirectory(async (directory) => {
    const cluster = await DevCluster.start(['--nodes', '1', '--data', directory])
    await cluster.interrupt()

    const { code, stderr } = await clustor(startWords('another', join(directory, 'n1')))

    t.is(code, 1)
    t.regex(stderr, /ERR_IDENTITY_MISMATCH/)
  })
})

function startWords(cluster: string, directory: string): string[] {
  return [
    'start',
    `--cluster=${cluster}`,
    '--node-id=n1',
    `--data-dir=${directory}`,
    '--listen=127.0.0.1:0',
    '--client-listen=127.0.0.1:0',
  ]
}
