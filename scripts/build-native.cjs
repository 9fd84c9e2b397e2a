#!/usr/bin/env node
'use strict'

// Compiles the addon into build/Release when no usable binary is there.
//
//   node scripts/build-native.cjs                 compile if the binary is missing or older than its sources
//   node scripts/build-native.cjs --force         compile from scratch
//   node scripts/build-native.cjs --list-sources  print the C++ sources, one a line (native/clustor.gypi reads this)
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
  const force = process.argv.includes('--force')
  if (!force && (isUpToDate() || isInstalledWithPrebuild())) return
  build(force)
}

/** The C++ files of the addon, relative to the package root: native/sources.txt, which CMake reads too, and the binding. */
function addonSources() {
  const listed = fs.readFileSync(path.join(packageRoot, 'native', 'sources.txt'), 'utf8')
  const core = listed.split('\n').filter((line) => line.endsWith('.cc'))
  const binding = filesBelow(path.join(packageRoot, 'native', 'binding'))
    .filter((file) => file.endsWith('.cc'))
    .map((file) => `binding/${path.basename(file)}`)
  return [...core, ...binding.sort()].map((file) => `native/${file}`)
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
  if (!fs.existsSync(gypPath)) fs.writeFileSync(gypPath, gypText)
  if (force) fs.rmSync(path.join(packageRoot, 'build', 'Release'), { recursive: true, force: true })
  const jobCount = String(Math.max(1, os.availableParallelism()))
  const run = spawnSync(
    process.execPath,
    [nodeGypPath(), 'configure', 'build', '--jobs', jobCount, '--loglevel', 'warn', ...headerOptions()],
    { cwd: packageRoot, stdio: 'inherit' },
  )
  if (run.status !== 0) {
    console.error('clustor: compiling the addon failed; it needs Python 3, make and a C++20 compiler (gcc 12 or newer)')
    process.exit(run.status ?? 1)
  }
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
