import test from 'ava'
import { missingFrom, projectFiles, readProjectFile } from './project.js'

const sources = projectFiles(['src', 'native'], ['.ts', '.cc', '.h']).filter(
  (file) => !file.startsWith('native/test'),
)
const tests = projectFiles(['test', 'native/test'], ['.ts', '.cc']).filter(
  (file) => !file.startsWith('test/house'),
)

/** Rows `| R3 | rule | ... |` of docs/invariants.md. */
function documentedInvariants(): string[] {
  return [...readProjectFile('docs/invariants.md').matchAll(/^\| \**([A-Z]\d{1,2})\** \|/gm)].map(
    ([, id = '']) => id,
  )
}

/** Numbers asserted by `invariant(condition, 'R3', ...)`, `new InvariantError('R3', ...)` and `INVARIANT(W2, ...)`. */
function assertedInvariants(): string[] {
  return sources
    .map(readProjectFile)
    .flatMap((text) => [
      ...text.matchAll(/\binvariant\((?:[^;]*?),\s*'([A-Z]\d{1,2})'/g),
      ...text.matchAll(/\bInvariantError\('([A-Z]\d{1,2})'/g),
      ...text.matchAll(/\bINVARIANT\(\s*"?([A-Z]\d{1,2})"?,/g),
    ])
    .map(([, id = '']) => id)
}

function namedInTests(id: string): boolean {
  const name = new RegExp(`\\b${id}\\b`)
  return tests.some((file) => name.test(readProjectFile(file)))
}

test('every invariant that the code asserts is stated in docs/invariants.md', (t) => {
  t.deepEqual(missingFrom(assertedInvariants(), documentedInvariants()), [])
})

test('every invariant of docs/invariants.md is asserted in code', (t) => {
  t.deepEqual(missingFrom(documentedInvariants(), assertedInvariants()), [])
})

test('every invariant of docs/invariants.md is named in a test', (t) => {
  t.deepEqual(
    documentedInvariants().filter((id) => !namedInTests(id)),
    [],
  )
})
