// Runs the tests of the log with an addon that is built with AddressSanitizer and UBSan. Takes minutes; not part of npm test.

import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { packageRoot, runSteps } from './steps.mjs'

// node-gyp-build looks for build/Release below the folder that CLUSTOR_PREBUILD names.
const folder = path.join(packageRoot, 'build', 'asan')
const library = spawnSync('gcc', ['-print-file-name=libasan.so'], {
  encoding: 'utf8',
}).stdout.trim()

await runSteps([
  {
    name: 'compile the addon with sanitizers',
    command: [
      'cmake-js',
      'compile',
      ...['--config', 'Release', '--out', path.join(folder, 'build'), '--target', 'clustor'],
      '--CDCLUSTOR_SANITIZE=address,undefined',
    ],
    single: true,
  },
  { name: 'compile', command: ['node', 'scripts/compile.mjs', '--tests'], single: true },
  {
    name: 'tests of the log',
    command: ['ava', '--timeout', '10m', 'build/test/wal/**/*.test.js'],
    environment: {
      CLUSTOR_PREBUILD: folder,
      // The sanitizer must be the first library of the process; Node.js itself is not built with it, so leaks are not searched.
      LD_PRELOAD: library,
      ASAN_OPTIONS: 'detect_leaks=0',
    },
  },
])
