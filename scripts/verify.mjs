// npm run verify: reads everything, changes nothing, and reports everything that is wrong.
// npm run fix: applies what ESLint can mend by itself, formats, and writes the table of docs/testing.md.

import { readdirSync } from 'node:fs'
import path from 'node:path'
import { packageRoot, runSteps } from './steps.mjs'

const cppFiles = filesBelow('native').filter((file) => /\.(cc|h)$/.test(file))

const fixes = [
  { name: 'table of docs/testing.md', command: ['node', 'scripts/test-table.mjs'] },
  { name: 'eslint', command: ['eslint', '--fix', '.'] },
  { name: 'prettier', command: ['prettier', '--write', '--log-level', 'warn', '.'] },
  { name: 'clang-format', command: ['clang-format', '-i', ...cppFiles] },
]

const checks = [
  // The longest first: the others run beside it.
  { name: 'eslint', command: ['eslint', '--max-warnings', '0', '.'] },
  { name: 'prettier', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'clang-format', command: ['clang-format', '--dry-run', '--Werror', ...cppFiles] },
  { name: 'types', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  {
    name: 'import table',
    command: [
      'depcruise',
      '--config',
      '.dependency-cruiser.mjs',
      'src',
      'bench',
      'test',
      'scripts',
    ],
  },
  { name: 'dead code and dependencies', command: ['knip'] },
  { name: 'package', command: ['node', 'scripts/check-package.mjs'] },
  { name: 'compile tests', command: ['node', 'scripts/compile.mjs', '--tests'] },
  {
    name: 'house rules',
    command: ['ava', 'build/test/house/**/*.test.js'],
    after: 'compile tests',
  },
]

const fixing = process.argv.includes('--fix')
const steps = fixing ? fixes : checks
await runSteps(
  steps
    .filter((step) => step.name !== 'clang-format' || cppFiles.length > 0)
    .map((step) => ({ ...step, quiet: true, single: true })),
  fixing ? 1 : 2,
)

function filesBelow(folder) {
  return readdirSync(path.join(packageRoot, folder), { recursive: true }).map((name) =>
    path.join(folder, name),
  )
}
