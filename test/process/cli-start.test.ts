import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'ava'
import { clustor, startCommand, withDirectory } from './cli-support.js'

interface Listening {
  readonly nodeId: string
  readonly clientListen: string
}

/** A node of its own cluster, configured by a file. */
async function writeConfig(directory: string): Promise<string> {
  const path = join(directory, 'node.toml')
  await writeFile(
    path,
    `cluster = "alone"
nodeId = "n1"
dataDir = "${join(directory, 'data')}"
listen = "127.0.0.1:0"
clientListen = "127.0.0.1:0"

[options]
segmentBytes = "1MiB"
`,
  )
  return path
}

async function startNode(config: string): Promise<{ child: ChildProcess; endpoints: string[] }> {
  const child = startCommand(['start', '--config', config, '--json'])
  const lines = createInterface({ input: child.stdout ?? process.stdin })
  const [line] = (await once(lines, 'line')) as [string]
  const { clientListen } = JSON.parse(line) as Listening
  return { child, endpoints: ['--endpoints', clientListen] }
}

async function stop(child: ChildProcess): Promise<number | null> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
  return child.exitCode
}

test('a node that a file configures serves clients, stops on SIGTERM, and has its data when it starts again', async (t) => {
  await withDirectory(async (directory) => {
    const config = await writeConfig(directory)
    const first = await startNode(config)
    t.is((await clustor(['put', 'kept', 'value', ...first.endpoints])).code, 0)
    t.is(await stop(first.child), 0)

    const second = await startNode(config)
    const { stdout } = await clustor(['get', 'kept', ...second.endpoints])
    t.is(await stop(second.child), 0)

    t.is(stdout, 'value\n')
  })
})

test('a node that cannot start ends by itself, also while its parent holds its pipe', async (t) => {
  await withDirectory(async (directory) => {
    const config = await writeConfig(directory)
    const { child } = await startNode(config)

    const second = startCommand(['start', '--config', config, '--end-with-stdin'])
    const [code] = (await once(second, 'exit')) as [number]

    t.is(code, 1)
    t.is(await stop(child), 0)
  })
})

test('a data directory that cannot be made is refused with its path', async (t) => {
  await withDirectory(async (directory) => {
    const config = await writeConfig(directory)

    const { code, stderr } = await clustor([
      'start',
      '-c',
      config,
      '--data-dir',
      join(config, 'data'),
    ])

    t.is(code, 1)
    t.regex(stderr, /node\.toml\/data is not writable.*ERR_NOT_WRITABLE/)
  })
})
