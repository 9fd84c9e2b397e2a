import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { importScript, packageRoot } from '../house/project.js'
import {
  awkwardFolder,
  type Consumer,
  emptyConsumer,
  packedTarball,
  typescriptCompiler,
} from './packed.js'

interface Elf {
  readonly readElf: (file: string) => { readonly arch: string; readonly versions: string[] }
  readonly newerThanNodeNeeds: (versions: readonly string[]) => string[]
}

interface Context {
  folder: string
  tarball: string
  consumer: Consumer
}

const test = anyTest as TestFn<Context>
const prebuildFolder = `prebuilds/${process.platform}-${process.arch}`

/** A program of a user: opens a log, appends, reads back. */
const writeAndRead = `
  import { DurableLog } from 'clustor/log'
  const { log } = await DurableLog.open({ directory: 'ein Log' })
  const { index } = await log.append(Buffer.from('hello'))
  for await (const entry of log.read({ from: index })) console.log(Buffer.from(entry.payload).toString())
  await log.close()`

test.before('pack the checkout and install the tarball', async (t) => {
  t.timeout(600_000)
  const folder = awkwardFolder()
  const tarball = await packedTarball(folder)
  const consumer = emptyConsumer(folder)
  t.context = { folder, tarball, consumer }

  const install = consumer.run('npm', 'install', tarball, '--prefer-offline')

  t.is(install.exitCode, 0, install.output)
})

test.after.always('remove the folders', (t) => {
  if ('folder' in t.context) rmSync(t.context.folder, { recursive: true, force: true })
})

test('the tarball holds what a user needs and nothing else', (t) => {
  const listing = spawnSync('tar', ['-tzf', t.context.tarball], { encoding: 'utf8' })
  const files = listing.stdout.trim().split('\n')

  for (const file of [
    'package.json',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
    'docs/architecture.md',
    'dist/src/index.js',
    'dist/src/index.d.ts',
    'dist/src/cli/main.js',
    `${prebuildFolder}/clustor.glibc.node`,
    'native/clustor.gypi',
    'native/wal/format.h',
    'scripts/build-native.cjs',
    'data/earthquakes.ndjson',
  ]) {
    t.true(files.includes(`package/${file}`), `${file} is missing`)
  }
  const unwanted = /binding\.gyp|\/test\/|\.test\.|^package\/(src|build|bench|node_modules)\//
  t.deepEqual(
    files.filter((file) => unwanted.test(file)),
    [],
  )
})

test('installing compiles nothing: the prebuilt binary serves', (t) => {
  const installed = path.join(t.context.consumer.directory, 'node_modules/clustor')

  t.false(existsSync(path.join(installed, 'build')))
  t.deepEqual(readdirSync(path.join(installed, prebuildFolder)), ['clustor.glibc.node'])
})

test('all three entry points load without a compiler in reach', (t) => {
  const script = `
    const entries = ['clustor', 'clustor/log', 'clustor/client']
    const loaded = await Promise.all(entries.map((name) => import(name)))
    console.log(loaded.map((entry) => Object.keys(entry).length > 0).join())`

  const run = t.context.consumer.run('node', '--input-type=module', '--eval', script)

  t.is(run.output.trim(), 'true,true,true')
})

test('a log can be written and read back with the prebuilt binary', (t) => {
  const run = t.context.consumer.run('node', '--input-type=module', '--eval', writeAndRead)

  t.is(run.output.trim(), 'hello')
})

test('the command answers', (t) => {
  const command = path.join(t.context.consumer.directory, 'node_modules/.bin/clustor')

  const run = t.context.consumer.run('node', command, '--version')

  t.is(run.output.trim(), '0.1.0')
})

test('the shipped declarations compile in a strict project', (t) => {
  const { directory } = t.context.consumer
  const types = path.join(directory, 'node_modules/@types')
  if (!existsSync(types)) symlinkSync(path.join(packageRoot, 'node_modules/@types'), types)
  writeFileSync(
    path.join(directory, 'consumer.ts'),
    `import * as clustor from 'clustor'
     import * as log from 'clustor/log'
     import * as client from 'clustor/client'
     export const entries = [clustor, log, client]\n`,
  )

  const run = t.context.consumer.run(
    'node',
    typescriptCompiler,
    ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext'],
    ...['--target', 'es2023', '--lib', 'es2023,esnext.disposable', '--types', 'node'],
    'consumer.ts',
  )

  t.is(run.output.trim(), '')
})

test('the prebuilt binary asks for no newer C and C++ libraries than Node.js itself', async (t) => {
  const { readElf, newerThanNodeNeeds } = (await importScript('elf.mjs')) as Elf
  const binary = path.join(packageRoot, prebuildFolder, 'clustor.glibc.node')

  const { arch, versions } = readElf(binary)

  t.is(arch, process.arch)
  t.true(versions.length > 0)
  t.deepEqual(newerThanNodeNeeds(versions), [])
})

test('a release stages one package for each platform', (t) => {
  const stage = path.join(t.context.folder, 'stage')

  const run = spawnSync(
    process.execPath,
    [path.join(packageRoot, 'scripts/release-stage.mjs'), '--partial', '--out', stage],
    { encoding: 'utf8' },
  )

  t.is(run.status, 0, run.stderr)
  t.true(
    existsSync(
      path.join(stage, `npm/linux-${process.arch}-gnu/clustor.linux-${process.arch}-gnu.node`),
    ),
  )
})

test('where there is no prebuilt binary the installed package compiles its own', (t) => {
  const { consumer } = t.context
  rmSync(path.join(consumer.directory, 'node_modules/clustor/prebuilds'), { recursive: true })

  const build = consumer.runWithCompiler('npm', 'explore', 'clustor', '--', 'npm run build:native')
  const load = consumer.run('node', '--input-type=module', '--eval', writeAndRead)

  t.is(build.exitCode, 0, build.output)
  t.is(load.output.trim(), 'hello')
})
