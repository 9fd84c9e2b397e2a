import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { packageRoot } from '../../src/cli/package-root.js'
import { clustor, withDirectory } from './cli-support.js'

const goodFile = `cluster = "orders"
nodeId = "n1"
dataDir = "data"
listen = "127.0.0.1:1"
clientListen = "127.0.0.1:2"

[options]
segmentBytes = "8MiB"
`

async function validate(file: string): Promise<{ code: number | null; stderr: string }> {
  return withDirectory(async (directory) => {
    const path = join(directory, 'node.toml')
    await writeFile(path, file)
    const { code, stderr } = await clustor(['start', '--config', path, '--validate'])
    return { code, stderr: stderr.replaceAll(directory, '') }
  })
}

test('--version prints the version of the package', async (t) => {
  const text = await readFile(join(packageRoot(), 'package.json'), 'utf8')
  const { version } = JSON.parse(text) as { version: string }

  const { code, stdout } = await clustor(['--version'])

  t.is(stdout, `${version}\n`)
  t.is(code, 0)
})

test('an unknown flag ends with exit code 2 and names the near miss', async (t) => {
  const { code, stderr } = await clustor(['get', 'key', '--endpoint', 'a:1'])

  t.is(code, 2)
  t.regex(stderr, /unknown option '--endpoint'/)
  t.regex(stderr, /--endpoints/)
})

test('an unknown command ends with exit code 2 and names the near miss', async (t) => {
  const { code, stderr } = await clustor(['stauts'])

  t.is(code, 2)
  t.regex(stderr, /Did you mean status\?/)
})

test('a missing argument ends with exit code 2', async (t) => {
  t.is((await clustor(['put', 'key'])).code, 2)
})

test('a valid configuration file passes --validate', async (t) => {
  const { code, stderr } = await validate(goodFile)

  t.is(stderr, '')
  t.is(code, 0)
})

test('a value out of bounds is refused with exit code 2, file and line', async (t) => {
  const { code, stderr } = await validate(goodFile.replace('8MiB', '8'))

  t.is(code, 2)
  t.regex(stderr, /segmentBytes in \/node\.toml:8 is "8"; it must be 64 KiB to 2 GiB/)
})

test('an unknown option in a file is refused with exit code 2, line and near miss', async (t) => {
  const { code, stderr } = await validate(goodFile.replace('segmentBytes', 'segmentByts'))

  t.is(code, 2)
  t.regex(stderr, /segmentByts in \/node\.toml:8; did you mean segmentBytes\?/)
})

test('a file that is not TOML is refused with exit code 2, line and column', async (t) => {
  const { code, stderr } = await validate(goodFile.replace('"n1"', 'n1"'))

  t.is(code, 2)
  t.regex(stderr, /\/node\.toml:2:\d+: /)
})

test('a configuration file that is not there is refused with exit code 2', async (t) => {
  const { code, stderr } = await clustor(['start', '--config', '/nowhere/node.toml'])

  t.is(code, 2)
  t.regex(stderr, /\/nowhere\/node\.toml cannot be read/)
})

test('a bad variable is refused with exit code 2 by its name', async (t) => {
  const { code, stderr } = await clustor(['start'], { environment: { CLUSTOR_TICK_MS: 'x' } })

  t.is(code, 2)
  t.regex(stderr, /tickMs in CLUSTOR_TICK_MS is "x"/)
})

test('a cluster that cannot be reached ends with exit code 3, by code and without a stack trace', async (t) => {
  const words = ['get', 'key', '--endpoints', '127.0.0.1:1', '--timeout', '300ms']

  const { code, stderr } = await clustor(words)

  t.is(code, 3)
  t.regex(stderr, /^clustor: .*\(ERR_(UNAVAILABLE|TIMEOUT)\)\n$/)
})

test('with --json a failure is one JSON value on standard error', async (t) => {
  const words = ['get', 'key', '--endpoints', '127.0.0.1:1', '--timeout', '300ms', '--json']

  const { stdout, stderr } = await clustor(words)

  t.is(stdout, '')
  const { error } = JSON.parse(stderr) as { error: { code: string; retryable: boolean } }
  t.true(error.retryable)
})

test('status of nodes that do not answer ends with exit code 3 and shows them', async (t) => {
  const { code, stdout } = await clustor(['status', '--json', '--endpoints', '127.0.0.1:1'])

  t.is(code, 3)
  t.like(JSON.parse(stdout), { leader: null, nodes: [{ reachable: false }] })
})

test('a directory without a log is refused by log verify', async (t) => {
  const { code, stderr } = await withDirectory((directory) => clustor(['log', 'verify', directory]))

  t.is(code, 2)
  t.regex(stderr, /holds no log/)
})

test('a file to load that is not there ends with exit code 1 and its path', async (t) => {
  const { code, stderr } = await clustor(['load', '/nowhere/lines.ndjson'])

  t.is(code, 1)
  t.regex(stderr, /ENOENT.*\/nowhere\/lines\.ndjson/)
})
