import test from 'ava'
import { importScript, missingFrom, readProjectFile } from './project.js'

interface TestTable {
  readonly withTable: (text: string) => string
  readonly coveredCases: () => Map<string, Set<string>>
}

interface TestCases {
  readonly chapters: readonly { readonly cases: readonly { readonly id: string }[] }[]
}

const page = readProjectFile('docs/testing.md')
const testTable = (await importScript('test-table.mjs')) as TestTable
const { chapters } = (await importScript('test-cases.mjs')) as TestCases
const ids = chapters.flatMap(({ cases }) => cases.map(({ id }) => id))

/** Rows `| W03 | W | rule | `test/...` |` of the page. */
const rows = new Map(
  [...page.matchAll(/^\| ([A-Z]\d\d) \|.*\| ([^|]*) \|$/gm)].map(
    ([, id = '', tests = '']) => [id, tests] as const,
  ),
)

test('docs/testing.md lists all 112 cases of the catalogue', (t) => {
  t.is(new Set(ids).size, 112)
  t.deepEqual([...rows.keys()], ids)
})

test('every case that docs/testing.md calls covered is named by those tests', (t) => {
  const covered = testTable.coveredCases()
  const claimed = [...rows].filter(([, tests]) => tests !== 'not covered yet')

  const wrong = claimed.filter(([id, tests]) => {
    const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file)
    return files.length === 0 || missingFrom(files, covered.get(id) ?? []).length > 0
  })

  t.deepEqual(wrong, [])
})

test('docs/testing.md is up to date: `npm run fix` writes its table', (t) => {
  t.true(testTable.withTable(page) === page)
})

test('tests name no case that the catalogue lacks', (t) => {
  t.deepEqual(missingFrom(testTable.coveredCases().keys(), ids), [])
})
