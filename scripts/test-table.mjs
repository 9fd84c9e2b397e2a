// Writes the tables of docs/testing.md: every case of the catalogue with the tests that name it, and how many sentences of each
// section of the Raft paper and of Ongaro's dissertation have a test.
//   node scripts/test-table.mjs    (npm run fix does it too; a house test compares)
// A test names its cases at the start of its title: `E01: ...`, `W02, W03: ...`; in C++ at the start of a comment, above the TEST
// or above the lines that check them: `// W02, W03: ...`. Invariants (W2) may stand among them. A test of a sentence names its section:
// `§5.4.2: ...`; that of the paper in test/raft/paper, of the dissertation elsewhere.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from './steps.mjs'
import { chapters } from './test-cases.mjs'

const page = path.join(packageRoot, 'docs', 'testing.md')
const beginMark = '<!-- cases: written by scripts/test-table.mjs -->'
const endMark = '<!-- end of cases -->'
const sectionsBeginMark = '<!-- sections: written by scripts/test-table.mjs -->'
const sectionsEndMark = '<!-- end of sections -->'
const sectionPattern = /['"`]§(\d+(?:\.\d+)*): /g
const titlePattern = /['"`]((?:[ERMSWLO]\d\d(?:, )?)+): /g
const commentPattern = /^\s*\/\/ ((?:[ERMSWLO]\d\d?(?:, )?)+)(?::|\.|$)/gm
const isMain = import.meta.url === pathToFileURL(process.argv[1] ?? '').href

if (isMain) writeFileSync(page, withTable(readFileSync(page, 'utf8')))

/**
 * The page with its tables written again.
 * @param {string} text
 */
export function withTable(text) {
  const withSections = replaceBetween(text, sectionsBeginMark, sectionsEndMark, sectionTable())
  return replaceBetween(withSections, beginMark, endMark, table())
}

function replaceBetween(text, begin, end, content) {
  const [before, rest] = split(text, begin)
  const [, after] = split(rest, end)
  return `${before}${begin}\n\n${content}\n${end}${after}`
}

function split(text, mark) {
  const at = text.indexOf(mark)
  if (at === -1) throw new Error(`docs/testing.md lacks the line ${mark}`)
  return [text.slice(0, at), text.slice(at + mark.length)]
}

function table() {
  const filesOfCase = coveredCases()
  const cases = chapters.flatMap((chapter) => chapter.cases)
  const coveredCount = cases.filter(({ id }) => filesOfCase.has(id)).length
  return [
    `${coveredCount} of ${cases.length} cases are covered.\n`,
    ...chapters.map((chapter) => chapterTable(chapter, filesOfCase)),
  ].join('\n')
}

function sectionTable() {
  const rows = [...sentencesOfSection()]
    .sort(([left], [right]) => left.localeCompare(right, 'en', { numeric: true }))
    .map(([section, { count, files }]) => {
      const names = [...files].map((file) => `\`${file}\``)
      return `| ${section} | ${count} | ${names.join(', ')} |`
    })
  return `| Section | Sentences | Tests |\n|---|---|---|\n${rows.join('\n')}\n`
}

/** @returns {Map<string, { count: number, files: Set<string> }>} a title that stands for several tests counts once */
function sentencesOfSection() {
  const sections = new Map()
  for (const file of testFiles().filter((name) => name.endsWith('.ts'))) {
    const work = file.includes('/paper/') ? 'Raft' : 'Dissertation'
    for (const [, number] of readTest(file).matchAll(sectionPattern)) {
      const section = `${work} §${number}`
      const { count, files } = sections.get(section) ?? { count: 0, files: new Set() }
      sections.set(section, { count: count + 1, files: files.add(file) })
    }
  }
  return sections
}

function chapterTable({ title, cases }, filesOfCase) {
  const rows = cases.map(({ id, level, rule }) => {
    const files = [...(filesOfCase.get(id) ?? [])].map((file) => `\`${file}\``)
    return `| ${id} | ${level} | ${rule} | ${files.join(', ') || 'not covered yet'} |`
  })
  return `### ${title}\n\n| Id | Level | Rule | Tests |\n|---|---|---|---|\n${rows.join('\n')}\n`
}

/** @returns {Map<string, Set<string>>} the files whose test titles name a case */
export function coveredCases() {
  const filesOfCase = new Map()
  for (const file of testFiles()) {
    for (const id of casesNamedIn(file)) {
      if (!filesOfCase.has(id)) filesOfCase.set(id, new Set())
      filesOfCase.get(id).add(file)
    }
  }
  return filesOfCase
}

function testFiles() {
  return ['test', path.join('native', 'test'), path.join('native', 'fuzz')]
    .flatMap((folder) =>
      readdirSync(path.join(packageRoot, folder), { recursive: true }).map((name) =>
        path.join(folder, name),
      ),
    )
    .filter((file) => /\.test\.ts$|_test\.cc$/.test(file))
    .sort()
}

function casesNamedIn(file) {
  const titles = readTest(file).matchAll(file.endsWith('.cc') ? commentPattern : titlePattern)
  return [...titles].flatMap(([, title]) => title.match(/[ERMSWLO]\d\d(?!\d)/g) ?? [])
}

function readTest(file) {
  return readFileSync(path.join(packageRoot, file), 'utf8')
}
