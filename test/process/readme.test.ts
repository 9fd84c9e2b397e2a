import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import test from 'ava'
import { freeAddresses } from '../../src/cli/free-ports.js'
import { packageRoot } from '../../src/cli/package-root.js'
import type { Ended } from './cli-support.js'
import { DevCluster, ended, withDirectory } from './cli-support.js'

const sourceRoot = fileURLToPath(new URL('../../src', import.meta.url))

const entryPoints = new Map([
  ['clustor', 'index.js'],
  ['clustor/client', 'client.js'],
  ['clustor/log', 'log.js'],
])

/** The JavaScript of README.md that imports an entry point. */
async function exampleOf(entry: string): Promise<string> {
  const page = await readFile(join(packageRoot(), 'README.md'), 'utf8')
  const blocks = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code)
  const example = blocks.find((code) => code.includes(`from '${entry}'`))
  if (example === undefined) throw new Error(`README.md has no example of ${entry}`)
  return example
}

/** Runs the example as it stands, over the compiled entry point and with other addresses. */
async function runExample(entry: string, addresses: readonly string[]): Promise<Ended> {
  const example = await exampleOf(entry)
  const file = pathToFileURL(join(sourceRoot, entryPoints.get(entry) ?? '')).href
  let code = example.replace(`from '${entry}'`, `from '${file}'`)
  for (const address of addresses) code = code.replace(/'127\.0\.0\.1:260\d\d'/, `'${address}'`)
  return withDirectory(async (directory) => {
    const path = join(directory, 'example.mjs')
    await writeFile(path, code)
    return ended(spawn(process.execPath, [path], { cwd: directory }))
  })
}

test('the state machine of README.md runs', async (t) => {
  const [addresses] = await freeAddresses(1)
  if (addresses === undefined) throw new Error('no address is free')

  const { code, stdout, stderr } = await runExample('clustor', [
    addresses.listen,
    addresses.clientListen,
  ])

  t.is(code, 0, stderr)
  t.regex(stdout, /^entry \d+ made the total 5; read: 5\n$/)
})

test('the client of README.md runs', async (t) => {
  const cluster = await DevCluster.start()
  const endpoints = cluster.ready.nodes.map(({ clientListen }) => clientListen)

  const { code, stdout, stderr } = await runExample('clustor/client', endpoints.slice(0, 2))

  t.is(code, 0, stderr)
  t.is(stdout, 'hello again\n')
  t.is(await cluster.interrupt(), 0)
})

test('the log of README.md runs', async (t) => {
  const { code, stdout, stderr } = await runExample('clustor/log', [])

  t.is(code, 0, stderr)
  t.is(stdout, 'created\n1 a\n2 b\n3 c\n')
})
