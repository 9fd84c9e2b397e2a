// Builds the C++ tests with CMake and runs them with ctest.
//   node scripts/test-native.mjs [--sanitize address,undefined | --sanitize thread]

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

const flag = process.argv.indexOf('--sanitize')
const sanitize = flag === -1 ? '' : (process.argv[flag + 1] ?? '')
const folder = path.join(
  packageRoot,
  'build',
  sanitize === '' ? 'native' : `native-${sanitize.replaceAll(',', '-')}`,
)
const ninja = spawnSync('ninja', ['--version']).status === 0
const generator = ninja && !existsSync(path.join(folder, 'Makefile')) ? ['-G', 'Ninja'] : []

run('cmake', [
  '-S',
  'native',
  '-B',
  folder,
  ...generator,
  // -O2: at -O3 gcc 12 warns of overlapping copies in std::string where there are none (gcc bug 105651).
  '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
  `-DCLUSTOR_SANITIZE=${sanitize}`,
])
run('cmake', ['--build', folder, '--parallel', String(os.availableParallelism())])
run('ctest', ['--test-dir', folder, '--output-on-failure', '--no-tests=error'])

function run(program, programArguments) {
  const result = spawnSync(program, programArguments, { cwd: packageRoot, stdio: 'inherit' })
  if (result.error !== undefined) {
    console.error(
      `clustor: ${program} cannot be run (${result.error.message}); the C++ tests need CMake 3.22`,
    )
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}
