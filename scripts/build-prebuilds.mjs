// Builds the stripped release binary of this platform into prebuilds/, where an installed package finds it.
//   node scripts/build-prebuilds.mjs [--force] [--arch arm64]
// prebuildify removes build/ before it compiles, so it works on a copy of the sources in a temporary folder. For another
// architecture set CC, CXX, AR, LINK and PREBUILD_STRIP_BIN to the cross tools.

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
const archFlag = process.argv.indexOf('--arch')
const arch = archFlag === -1 ? process.arch : process.argv[archFlag + 1]
const isCopied = (file) => !/[\\/]native[\\/]test([\\/]|$)/.test(file)
const inputs = ['native', 'binding.gyp', 'package.json', 'scripts/build-native.cjs']
const outputFolder = path.join(packageRoot, 'prebuilds', `${process.platform}-${arch}`)

if (process.argv.includes('--force') || !isUpToDate()) build()

function isUpToDate() {
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

function build() {
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
    runPrebuildify(stage)
    install(path.join(stage, 'prebuilds', `${process.platform}-${arch}`))
  } finally {
    rmSync(stage, { recursive: true, force: true })
  }
}

function packageFolder(name) {
  return path.dirname(require.resolve(`${name}/package.json`))
}

function runPrebuildify(stage) {
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
function install(builtFolder) {
  mkdirSync(outputFolder, { recursive: true })
  for (const name of readdirSync(builtFolder)) {
    const temporary = path.join(outputFolder, `.${name}.${String(process.pid)}`)
    copyFileSync(path.join(builtFolder, name), temporary)
    renameSync(temporary, path.join(outputFolder, name))
    console.log(path.relative(packageRoot, path.join(outputFolder, name)))
  }
}
