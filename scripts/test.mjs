// npm test: builds, then runs every test: ava in worker threads, ava with processes of its own, and the C++ tests.
// `npm test -- native`, `-- ava` or `-- process` runs one part; `npm run build:tests && npx ava FILE` one file.

import { existsSync } from 'node:fs'
import path from 'node:path'
import { packageRoot, runSteps } from './steps.mjs'

const parts = {
  build: [
    { name: 'compile the addon', command: ['node', 'scripts/build-native.cjs'], single: true },
    { name: 'compile', command: ['node', 'scripts/compile.mjs', '--tests'], single: true },
  ],
  ava: [{ name: 'tests', command: ['ava'] }],
  process: [
    { name: 'tests that start processes', command: ['ava', '--config', 'ava.process.config.js'] },
  ],
  native: [{ name: 'C++ tests', command: ['node', 'scripts/test-native.mjs'] }],
}

const wanted = process.argv.slice(2)
const chosen = wanted.length === 0 ? Object.keys(parts) : ['build', ...wanted]
const unknown = chosen.filter((name) => !(name in parts))
if (unknown.length > 0 || !existsSync(path.join(packageRoot, 'node_modules'))) {
  console.error(`usage: npm test -- [${Object.keys(parts).join('|')}]... (after npm install)`)
  process.exitCode = 2
} else {
  await runSteps(chosen.flatMap((name) => parts[name]))
}
