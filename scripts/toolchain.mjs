// What the native builds of the scripts have in common: CMake with Ninja when it is there, and clang under the names that
// distributions give it.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

const clangVersions = [21, 20, 19, 18, 17, 16, 15, 14]

/** What to do where there is no clang. */
export const clangAdvice =
  'clang 14 or newer with its runtime libraries is needed: `apt-get install clang-14 libclang-rt-14-dev` on Debian and Ubuntu'

/**
 * Configures and builds native/ in build/<name>.
 * @param {{ name: string, definitions?: string[], targets?: string[], clang?: boolean }} build definitions as `-DNAME=VALUE`
 * @returns {string} the folder
 */
export function buildNative({ name, definitions = [], targets = [], clang = false }) {
  const folder = path.join(packageRoot, 'build', name)
  const ninja = runs('ninja') && !existsSync(path.join(folder, 'Makefile'))
  const compiler = clang ? [`-DCMAKE_CXX_COMPILER=${requiredClang()}`] : []
  run('cmake', [
    ...['-S', 'native', '-B', folder, ...(ninja ? ['-G', 'Ninja'] : [])],
    ...compiler,
    ...definitions,
  ])
  run('cmake', [
    ...['--build', folder, '--parallel', String(os.availableParallelism())],
    ...targets.flatMap((target) => ['--target', target]),
  ])
  return folder
}

/** The name of a clang++ that is installed, or null. */
export function findClang() {
  const names = ['clang++', ...clangVersions.map((version) => `clang++-${version}`)]
  return names.find((name) => runs(name)) ?? null
}

function requiredClang() {
  const clang = findClang()
  if (clang === null) stop(clangAdvice)
  return clang
}

/** Runs a program in the package's folder; when it fails, this process ends with its exit code. */
export function run(program, programArguments) {
  const result = spawnSync(program, programArguments, { cwd: packageRoot, stdio: 'inherit' })
  if (result.error !== undefined) {
    console.error(
      `clustor: ${program} cannot be run (${result.error.message}); the C++ tests need CMake 3.22`,
    )
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}

function runs(program) {
  return spawnSync(program, ['--version']).status === 0
}

function stop(message) {
  console.error(`clustor: ${message}`)
  process.exit(1)
}
