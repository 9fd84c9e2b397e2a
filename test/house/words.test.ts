import path from 'node:path'
import test from 'ava'
import { projectFiles, readProjectFile } from './project.js'

const sources = projectFiles(
  ['src', 'bench', 'test', 'scripts', 'native'],
  ['.ts', '.mjs', '.cjs', '.cc', '.h', '.def'],
)

/** Split, so that this file does not find itself. */
const leftovers = new RegExp(['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X'].join('|'))
const silenced = /\btest(\.\w+)*\.(skip|only|failing|todo)\(/

function placesOf(pattern: RegExp, files: readonly string[]): string[] {
  return files.flatMap((file) =>
    readProjectFile(file)
      .split('\n')
      .flatMap((line, position) =>
        pattern.test(line) ? [`${file}:${position + 1}: ${line}`] : [],
      ),
  )
}

test('no marker of unfinished work, no skipped and no focused test is left', (t) => {
  t.deepEqual(placesOf(leftovers, sources), [])
  t.deepEqual(placesOf(silenced, sources), [])
})

test('file names are kebab-case, in C++ snake_case', (t) => {
  const wrong = sources.filter((file) => {
    const name = path.basename(file)
    return file.startsWith('native/')
      ? !/^[a-z0-9_]+\.(cc|h|def)$/.test(name)
      : !/^[a-z0-9-]+(\.test)?\.(ts|mjs|cjs)$/.test(name)
  })

  t.deepEqual(wrong, [])
})
