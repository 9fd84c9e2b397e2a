#!/usr/bin/env node
'use strict'

// Compiles the addon into build/Release when no usable binary is there.
//
//   node scripts/build-native.cjs                 compile if the binary is missing or older than its sources
//   node scripts/build-native.cjs --force         compile from scratch
//   node scripts/build-native.cjs --list-sources  print the C++ sources, one a line (native/clustor.gypi reads this)
//   node scripts/build-native.cjs --has-gcc       print whether the compiler is gcc (so does this)
//
// It never calls `node-gyp rebuild`: that removes build/, where the compiled tests stand as well.

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const packageRoot = path.resolve(__dirname, '..')
const addonPath = path.join(packageRoot, 'build', 'Release', 'clustor.node')
const addonRooms = ['base', 'os', 'crypto', 'wal', 'binding']
const gypText = "{ 'includes': ['native/clustor.gypi'] }\n"

main()

function main() {
  if (process.argv.includes('--list-sources')) {
    process.stdout.write(addonSources().join('\n') + '\n')
    return
  }
  if (process.argv.includes('--has-gcc')) {
    process.stdout.write(hasGcc() ? 'yes' : 'no')
    return
  }
  const force = process.argv.includes('--force')
  if (!force && (isUpToDate() || isInstalledWithPrebuild())) return
  const lock = takeLock()
  try {
    if (force || !isUpToDate()) build(force)
  } finally {
    fs.rmSync(lock, { force: true })
  }
}

/** One build at a time: two makes in one folder destroy each other's files. The lock of a process that died counts for nothing. */
function takeLock() {
  const lock = path.join(packageRoot, 'build', 'native.lock')
  fs.mkdirSync(path.dirname(lock), { recursive: true })
  for (;;) {
    try {
      fs.writeFileSync(lock, String(process.pid), { flag: 'wx' })
      return lock
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isAlive(readOwner(lock))) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    else fs.rmSync(lock, { force: true })
  }
}

/** The process that holds the lock. A lock that is being written or removed at this moment counts as held: look again. */
function readOwner(lock) {
  try {
    return Number(fs.readFileSync(lock, 'utf8')) || process.pid
  } catch {
    return process.pid
  }
}

function isAlive(processId) {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** The C++ files of the addon, relative to the package root: native/sources.txt, which CMake reads too, and the binding. */
function addonSources() {
  const listed = fs.readFileSync(path.join(packageRoot, 'native', 'sources.txt'), 'utf8')
  const core = listed.split('\n').filter((line) => line.endsWith('.cc') && isForThisSystem(line))
  const binding = filesBelow(path.join(packageRoot, 'native', 'binding'))
    .filter((file) => file.endsWith('.cc'))
    .map((file) => `binding/${path.basename(file)}`)
  return [...core, ...binding.sort()].map((file) => `native/${file}`)
}

/** native/os/<system>_*.cc is compiled for that system alone; native/CMakeLists.txt has the same rule. */
function isForThisSystem(file) {
  const system = /^os\/(linux|darwin|posix|windows)_/.exec(file)?.[1]
  if (system === undefined) return true
  if (process.platform === 'win32') return system === 'windows'
  return system === 'posix' || system === (process.platform === 'darwin' ? 'darwin' : 'linux')
}

function filesBelow(folder) {
  if (!fs.existsSync(folder)) return []
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const file = path.join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(file) : [file]
    })
}

/** Whether the compiler that make is going to call is gcc; $CXX may have a launcher in front, as in `ccache g++`. */
function hasGcc() {
  const [program, ...before] = (process.env.CXX ?? 'g++').trim().split(/\s+/)
  const version = spawnSync(program, [...before, '--version'], { encoding: 'utf8' })
  return version.status === 0 && version.stdout.includes('Free Software Foundation')
}

function isUpToDate() {
  const builtAtMs = modifiedAtMs(addonPath)
  const inputs = [
    ...addonRooms.flatMap((room) => filesBelow(path.join(packageRoot, 'native', room))),
    path.join(packageRoot, 'native', 'clustor.gypi'),
    path.join(packageRoot, 'native', 'sources.txt'),
    __filename,
  ]
  return inputs.every((file) => modifiedAtMs(file) < builtAtMs)
}

function modifiedAtMs(file) {
  return fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** An installed package has no TypeScript sources; its prebuilt binary serves, whatever the file times say. */
function isInstalledWithPrebuild() {
  if (fs.existsSync(path.join(packageRoot, 'src'))) return false
  try {
    require('node-gyp-build').resolve(packageRoot)
    return true
  } catch {
    return false
  }
}

function build(force) {
  const gypPath = path.join(packageRoot, 'binding.gyp')
  const outputFolder = path.join(packageRoot, 'build', 'Release')
  if (!fs.existsSync(gypPath)) fs.writeFileSync(gypPath, gypText)
  if (force) fs.rmSync(outputFolder, { recursive: true, force: true })
  const isIncremental = fs.existsSync(outputFolder)
  if (runNodeGyp()) return
  // A header that was renamed breaks an incremental make for good; only a build from scratch tells whether the code is wrong.
  if (isIncremental) fs.rmSync(outputFolder, { recursive: true, force: true })
  if (isIncremental && runNodeGyp()) return
  console.error('clustor: compiling the addon failed; see above. It needs Python 3, make and a C++20 compiler (gcc 12 or newer).')
  process.exitCode = 1
}

function runNodeGyp() {
  const jobs = ['--jobs', String(os.availableParallelism())]
  const run = spawnSync(
    process.execPath,
    [nodeGypPath(), 'configure', 'build', ...jobs, '--loglevel', 'warn', ...headerOptions()],
    { cwd: packageRoot, stdio: 'inherit' },
  )
  return run.status === 0
}

/** Our own node-gyp in a checkout; the one that npm carries in an installed package. */
function nodeGypPath() {
  try {
    return require.resolve('node-gyp/bin/node-gyp.js')
  } catch {
    const fromNpm = process.env.npm_config_node_gyp
    if (fromNpm) return fromNpm
    console.error('clustor: node-gyp was not found; run this through npm: npm run build:native')
    process.exit(1)
  }
}

/** node-gyp downloads headers unless it is told where they are; most installations carry them beside node. */
function headerOptions() {
  const prefix = path.resolve(process.execPath, '..', '..')
  const headers = path.join(prefix, 'include', 'node', 'node_api.h')
  return fs.existsSync(headers) ? ['--nodedir', prefix] : []
}
