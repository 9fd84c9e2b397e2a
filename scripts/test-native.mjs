// Builds the C++ tests with CMake and runs them with ctest.
//   node scripts/test-native.mjs [--clang] [--sanitize address,undefined | --sanitize thread]
// --clang builds with clang, which also checks the annotations of native/base/mutex.h.

import os from 'node:os'
import path from 'node:path'
import { packageRoot } from './steps.mjs'
import { buildNative, checkedBuild, fuzzBuild, run, sanitizerFlags } from './toolchain.mjs'

const clang = process.argv.includes('--clang')
const flag = process.argv.indexOf('--sanitize')
const sanitize = flag === -1 ? '' : (process.argv[flag + 1] ?? '')

const folder = buildNative(chosenBuild())
run('ctest', [
  ...['--test-dir', path.relative(packageRoot, folder)],
  ...['--output-on-failure', '--no-tests=error'],
  ...['--parallel', String(os.availableParallelism())],
  ...(sanitize === 'thread' ? ['--label-regex', '^threads$'] : []),
])

function chosenBuild() {
  if (clang && sanitize === 'address,undefined') return fuzzBuild
  if (!clang && sanitize === '') return checkedBuild()
  const name = ['native', ...(clang ? ['clang'] : []), ...sanitize.split(',').filter(Boolean)]
  return {
    name: name.join('-'),
    clang,
    targets: sanitize === 'thread' ? ['threaded_tests'] : [],
    definitions: [
      '-DCMAKE_BUILD_TYPE=RelWithDebInfo',
      `-DCLUSTOR_SANITIZE=${sanitize}`,
      ...(sanitize === '' ? [] : [sanitizerFlags]),
    ],
  }
}
