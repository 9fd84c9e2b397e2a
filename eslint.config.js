import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'
import { rooms } from './scripts/import-table.mjs'

const pureRooms = Object.keys(rooms).filter((name) => rooms[name].pure)

/** Globals that would let time, chance, the process or the event loop into a pure room. */
const impureGlobals = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'queueMicrotask',
  'Promise',
  'process',
  'console',
  'crypto',
  'fetch',
  'globalThis',
  'global',
]

const asynchronousSyntax = [
  { selector: ':function[async=true]', message: 'A pure room has no async functions.' },
  { selector: 'AwaitExpression', message: 'A pure room awaits nothing.' },
  { selector: 'ForOfStatement[await=true]', message: 'A pure room awaits nothing.' },
  { selector: 'ImportExpression', message: 'A pure room imports at load time only.' },
]

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has another name in every file that imports it.',
}

export default defineConfig(
  { ignores: ['node_modules/', 'build/', 'build-*/', 'dist/', 'prebuilds/', 'npm/', 'artifacts/'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['error', 500],
      'max-lines-per-function': ['error', 70],
      eqeqeq: 'error',
      'no-restricted-syntax': ['error', noDefaultExport],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: false }],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/promise-function-async': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Private state is `#private`, which holds at run time too.
      '@typescript-eslint/explicit-member-accessibility': ['error', { accessibility: 'no-public' }],
      // Numbers and booleans in a message need no ceremony; objects still do.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // `() => emit(x)` reads better than a block, and hides nothing when emit returns void.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `for (;;)` and `while (true)` are the plain form of a loop that ends by return.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
    },
  },
  {
    files: pureRooms.map((name) => `src/${name}/**/*.ts`),
    rules: {
      'no-restricted-globals': [
        'error',
        ...impureGlobals.map((name) => ({
          name,
          message: 'A pure room takes time as ticks, chance as a generator, and has no effects.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a seeded generator as input.' },
      ],
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['node:*', 'fs', 'net'], message: 'A pure room has no effects.' }] },
      ],
      'no-restricted-syntax': ['error', noDefaultExport, ...asynchronousSyntax],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // ava registers a test and returns nothing useful; `test(...)` and table loops at the top level are the idiom.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: {
      'max-lines': ['error', 500],
      'max-lines-per-function': ['error', 70],
      'no-unused-vars': 'error',
      eqeqeq: 'error',
    },
  },
)
