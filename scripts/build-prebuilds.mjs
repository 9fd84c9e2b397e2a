// Builds the stripped release binaries into prebuilds/, where an installed package finds them.
//   node scripts/build-prebuilds.mjs [--force] [--all | --arch arm64]
// `--all` builds for every processor that this machine has a compiler for; without it and without `--arch`, for its own.
// prebuildify removes build/ before it compiles, so it works on a copy of the sources in a temporary folder.

import { spawnSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

const require = createRequire(import.meta.url)
/** What compiles for a processor that is not that of this machine: the packages of Debian and Ubuntu. */
const crossTools = {
  'linux-x64>arm64': {
    CC: 'aarch64-linux-gnu-gcc',
    CXX: 'aarch64-linux-gnu-g++',
    AR: 'aarch64-linux-gnu-ar',
    LINK: 'aarch64-linux-gnu-g++',
    PREBUILD_STRIP_BIN: 'aarch64-linux-gnu-strip',
  },
}
const isCopied = (file) => !/[\\/]native[\\/]test([\\/]|$)/.test(file)
const inputs = ['native', 'binding.gyp', 'package.json', 'scripts/build-native.cjs']

for (const arch of wantedArches()) {
  if (process.argv.includes('--force') || !isUpToDate(folderOf(arch))) build(arch)
}

function wantedArches() {
  const archFlag = process.argv.indexOf('--arch')
  if (archFlag !== -1) return [process.argv[archFlag + 1]]
  return [process.arch, ...(process.argv.includes('--all') ? ['arm64'].filter(canCross) : [])]
}

/** Says so when it cannot: a package without a binary must not surprise anybody. */
function canCross(arch) {
  const tools = toolsFor(arch)
  if (arch === process.arch || tools === undefined) return false
  const runs = spawnSync(tools.CXX, ['--version']).status === 0
  if (!runs) console.error(`clustor: no binary for ${arch}: ${tools.CXX} cannot be run`)
  return runs
}

function toolsFor(arch) {
  return crossTools[`${process.platform}-${process.arch}>${arch}`]
}

function folderOf(arch) {
  return path.join(packageRoot, 'prebuilds', `${process.platform}-${arch}`)
}

function isUpToDate(outputFolder) {
  if (!existsSync(outputFolder)) return false
  const built = readdirSync(outputFolder).filter((name) => name.endsWith('.node'))
  if (built.length === 0) return false
  const builtAtMs = Math.min(...built.map((name) => statSync(path.join(outputFolder, name)).mtimeMs))
  return inputs
    .filter((input) => input !== 'package.json')
    .every((input) => newestMs(path.join(packageRoot, input)) < builtAtMs)
}

function newestMs(file) {
  if (!isCopied(file)) return 0
  const status = statSync(file)
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(0, ...readdirSync(file).map((name) => newestMs(path.join(file, name))))
}

function build(arch) {
  const stage = mkdtempSync(path.join(os.tmpdir(), 'clustor-prebuild-'))
  try {
    for (const input of inputs) {
      cpSync(path.join(packageRoot, input), path.join(stage, input), {
        recursive: true,
        filter: isCopied,
      })
    }
    // The headers are copied too: a path with spaces would not survive the generated makefile.
    cpSync(packageFolder('node-addon-api'), path.join(stage, 'node_modules', 'node-addon-api'), {
      recursive: true,
    })
    runPrebuildify(stage, arch)
    install(path.join(stage, 'prebuilds', `${process.platform}-${arch}`), folderOf(arch))
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

function packageFolder(name) {
  return path.dirname(require.resolve(`${name}/package.json`))
}

function runPrebuildify(stage, arch) {
  const prefix = path.resolve(process.execPath, '..', '..')
  const hasHeaders = existsSync(path.join(prefix, 'include', 'node', 'node_api.h'))
  const binaries = path.join(packageRoot, 'node_modules', '.bin')
  const run = spawnSync(
    process.execPath,
    [
      path.join(packageFolder('prebuildify'), 'bin.js'),
      ...['--napi', '--strip', '--tag-libc', '--name', 'clustor', '--arch', arch],
      // Node-API needs no particular version; without -t the newest known one is downloaded.
      ...['--target', process.versions.node],
    ],
    {
      cwd: stage,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...toolsFor(arch),
        PATH: `${binaries}${path.delimiter}${process.env.PATH ?? ''}`,
        npm_config_jobs: 'max',
        ...(hasHeaders ? { npm_config_nodedir: prefix } : {}),
      },
    },
  )
  if (run.status !== 0) {
    console.error(run.stdout, run.stderr)
    throw new Error(`prebuildify ended with ${String(run.status)}`)
  }
}

/** Puts the new binary in place in one step, so that a process that loads it meanwhile sees the old one or the new one. */
function install(builtFolder, outputFolder) {
  mkdirSync(outputFolder, { recursive: true })
  for (const name of readdirSync(builtFolder)) {
    const temporary = path.join(outputFolder, `.${name}.${String(process.pid)}`)
    copyFileSync(path.join(builtFolder, name), temporary)
    renameSync(temporary, path.join(outputFolder, name))
    console.log(path.relative(packageRoot, path.join(outputFolder, name)))
  }
}
