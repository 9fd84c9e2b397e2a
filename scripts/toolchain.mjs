// What the native builds of the scripts have in common: CMake with Ninja when it is there, and clang under the names that
// distributions give it.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

const clangVersions = [21, 20, 19, 18, 17, 16, 15, 14]

/** Debug information for stack traces only, and little optimisation: sanitizer builds are built more often than run. */
export const sanitizerFlags = '-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 -g1'

/** The build of the tests without sanitizers, and of the addon of simulations. */
export const checkedBuild = () => ({
  name: 'native',
  definitions: [
    // -O2: at -O3 gcc 12 warns of overlapping copies in std::string where there are none (gcc bug 105651).
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    '-DCLUSTOR_SANITIZE=',
    `-DCMAKE_JS_INC=${nodeApiHeaders()}`,
  ],
})

/** The build with AddressSanitizer and UBSan by clang: fuzzing and the tests share it. */
export const fuzzBuild = {
  name: 'fuzz',
  clang: true,
  definitions: [
    '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
    sanitizerFlags,
    '-DCLUSTOR_SANITIZE=address,undefined',
    '-DCLUSTOR_FUZZ=ON',
  ],
}

/** What to do where there is no clang. */
export const clangAdvice =
  'clang 14 or newer with its runtime libraries is needed: `apt-get install clang-14 libclang-rt-14-dev` on Debian and Ubuntu'

/**
 * Configures and builds native/ in build/<name>.
 * @param {{ name: string, definitions?: string[], targets?: string[], clang?: boolean, quiet?: boolean }} build
 *   definitions as `-DNAME=VALUE`; quiet: only failures are printed
 * @returns {string} the folder
 */
export function buildNative({
  name,
  definitions = [],
  targets = [],
  clang = false,
  quiet = false,
}) {
  const folder = path.join(packageRoot, 'build', name)
  const ninja = prefersNinja(folder)
  const compiler = clang ? [`-DCMAKE_CXX_COMPILER=${requiredClang()}`] : []
  run(
    'cmake',
    [
      ...['-S', 'native', '-B', folder, ...(ninja ? ['-G', 'Ninja'] : [])],
      ...compiler,
      ...definitions,
    ],
    { quiet },
  )
  run(
    'cmake',
    [
      ...['--build', folder, '--parallel', String(os.availableParallelism())],
      ...targets.flatMap((target) => ['--target', target]),
    ],
    { quiet },
  )
  return folder
}

/** The name of a clang++ that can link sanitizers, or null. */
export function findClang() {
  const names = ['clang++', ...clangVersions.map((version) => `clang++-${version}`)]
  return names.find(linksSanitizers) ?? null
}

function linksSanitizers(clang) {
  const program = ['-fsanitize=address', '-x', 'c++', '-', '-o', '/dev/null']
  return spawnSync(clang, program, { input: 'int main() {}' }).status === 0
}

function requiredClang() {
  const clang = findClang()
  if (clang === null) stop(clangAdvice)
  return clang
}

/** Runs a program in the package's folder, its standard output unseen when quiet; when it fails, this process ends with its exit code. */
export function run(program, programArguments, { quiet = false } = {}) {
  const stdio = ['ignore', quiet ? 'ignore' : 'inherit', 'inherit']
  const result = spawnSync(program, programArguments, { cwd: packageRoot, stdio })
  if (result.error !== undefined) {
    console.error(
      `clustor: ${program} cannot be run (${result.error.message}); the C++ tests need CMake 3.22`,
    )
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/**
 * Builds one program of the native tests and runs it with the arguments of this process. What the build says goes to
 * stderr, so that stdout holds what the program says and nothing else.
 */
export function runProof(program) {
  const folder = path.join('build', 'native')
  const steps = [
    ['cmake', ['-S', 'native', '-B', folder, ...(prefersNinja(folder) ? ['-G', 'Ninja'] : [])]],
    ['cmake', ['--build', folder, '--parallel', '2', '--target', program]],
  ]
  for (const [command, commandArguments] of steps) {
    const built = spawnSync(command, commandArguments, { cwd: packageRoot, encoding: 'utf8' })
    if (built.status === 0) continue
    process.stderr.write(`${built.stdout ?? ''}${built.stderr ?? ''}`)
    stop(
      `${command} failed (${built.error?.message ?? 'see above'}); the C++ tests need CMake 3.22`,
    )
  }
  run(path.join(folder, 'test', program), process.argv.slice(2))
}

/** Folders of headers, as CMake separates them. */
function nodeApiHeaders() {
  const require = createRequire(import.meta.url)
  const packages = [require('node-api-headers'), require('node-addon-api')]
  return packages.map((each) => path.resolve(packageRoot, each.include_dir)).join(';')
}

function prefersNinja(folder) {
  return runs('ninja') && !existsSync(path.resolve(packageRoot, folder, 'Makefile'))
}

function runs(program) {
  return spawnSync(program, ['--version']).status === 0
}

function stop(message) {
  console.error(`clustor: ${message}`)
  process.exit(1)
}
