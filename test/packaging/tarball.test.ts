import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
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

/** Runs a script of the checkout. */
function runNode(script: string, ...scriptArguments: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [path.join(packageRoot, script), ...scriptArguments], {
    encoding: 'utf8',
  })
}

/** The processors that an installed package has a binary for. */
function packedArches(consumer: Consumer): string[] {
  return readdirSync(path.join(consumer.directory, 'node_modules/clustor/prebuilds')).map((name) =>
    name.replace('linux-', ''),
  )
}

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

test('prebuilt binaries ask for no newer C and C++ libraries than Node.js itself', async (t) => {
  const { readElf, newerThanNodeNeeds } = (await importScript('elf.mjs')) as Elf

  for (const arch of packedArches(t.context.consumer)) {
    const binary = path.join(packageRoot, `prebuilds/linux-${arch}/clustor.glibc.node`)
    const found = readElf(binary)

    t.is(found.arch, arch)
    t.true(found.versions.length > 0)
    t.deepEqual(newerThanNodeNeeds(found.versions), [])
  }
})

test('the package brings the binary of this processor, and that of ARM where it can be compiled', (t) => {
  const arches = packedArches(t.context.consumer)

  t.true(arches.includes(process.arch))
  if (spawnSync('aarch64-linux-gnu-g++', ['--version']).status === 0) {
    t.true(arches.includes('arm64'))
  } else {
    t.log('there is no aarch64-linux-gnu-g++ here')
  }
})

test('no packed binary has more than 600 KiB', (t) => {
  const { status, stdout, stderr } = runNode('scripts/check-package.mjs', '--sizes')

  t.is(status, 0, stderr)
  t.regex(stdout, /^prebuilds\/.*: \d+ bytes$/m)
})

test('where there is no prebuilt binary the package of the platform serves', (t) => {
  const { consumer, folder } = t.context
  const stage = path.join(folder, 'stage')
  const staged = runNode('scripts/release-stage.mjs', '--partial', '--out', stage)
  t.is(staged.status, 0, staged.stderr)
  rmSync(path.join(consumer.directory, 'node_modules/clustor/prebuilds'), { recursive: true })

  const without = consumer.run('node', '--input-type=module', '--eval', writeAndRead)
  const added = `clustor-${process.platform}-${process.arch}-gnu`
  const source = path.join(stage, `npm/${process.platform}-${process.arch}-gnu`)
  cpSync(source, path.join(consumer.directory, 'node_modules', added), { recursive: true })
  const withPackage = consumer.run('node', '--input-type=module', '--eval', writeAndRead)
  rmSync(path.join(consumer.directory, 'node_modules', added), { recursive: true })

  t.regex(without.output, /ERR_NATIVE_UNAVAILABLE/)
  t.true(without.output.includes(`install ${added}`), without.output)
  t.is(withPackage.output.trim(), 'hello')
})

test('where there is no prebuilt binary the installed package compiles its own', (t) => {
  const { consumer } = t.context
  rmSync(path.join(consumer.directory, 'node_modules/clustor/prebuilds'), {
    recursive: true,
    force: true,
  })

  const build = consumer.runWithCompiler('npm', 'explore', 'clustor', '--', 'npm run build:native')
  const load = consumer.run('node', '--input-type=module', '--eval', writeAndRead)

  t.is(build.exitCode, 0, build.output)
  t.is(load.output.trim(), 'hello')
})
