import test from 'ava'
import ts from 'typescript'
import { projectFiles, readProjectFile } from './project.js'

const fileLinesMax = 500
const functionLinesMax = 70
const medianFunctionLinesMax = 10

interface SizedFunction {
  readonly place: string
  readonly lines: number
}

/** Functions that have a name: declarations, methods, accessors, constructors, and arrows bound to a name. */
function functionsOfTypeScript(file: string): SizedFunction[] {
  const source = ts.createSourceFile(file, readProjectFile(file), ts.ScriptTarget.ES2023, true)
  const found: SizedFunction[] = []
  const visit = (node: ts.Node): void => {
    if (isNamedFunction(node)) found.push(sized(file, source, node))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isNamedFunction(node: ts.Node): boolean {
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node)) {
    return ts.isVariableDeclaration(node.parent) || ts.isPropertyDeclaration(node.parent)
  }
  return ts.isFunctionLike(node) && 'body' in node && node.body !== undefined
}

function sized(file: string, source: ts.SourceFile, node: ts.Node): SizedFunction {
  const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line
  const last = source.getLineAndCharacterOfPosition(node.getEnd()).line
  return { place: `${file}:${first + 1}`, lines: last - first + 1 }
}

/** Functions at namespace level: clang-format puts their closing brace, and only theirs, alone in the first column. */
function functionsOfCpp(file: string): SizedFunction[] {
  const lines = readProjectFile(file).split('\n')
  const found: SizedFunction[] = []
  let start = 0
  lines.forEach((line, position) => {
    if (
      /^[A-Za-z_].*[^;]$/.test(line) &&
      !/^(namespace|class|struct|enum|public|private)/.test(line)
    ) {
      start = position
    }
    if (line === '}') found.push({ place: `${file}:${start + 1}`, lines: position - start + 1 })
  })
  return found
}

const typescript = projectFiles(['src', 'bench', 'test'], ['.ts'])
const scripts = projectFiles(['scripts'], ['.mjs', '.cjs'])
const cpp = projectFiles(['native'], ['.cc', '.h'])

test('no file is longer than 500 lines', (t) => {
  const long = [...typescript, ...scripts, ...cpp]
    .map((file) => ({ file, lines: readProjectFile(file).trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > fileLinesMax)

  t.deepEqual(long, [])
})

test('no function is longer than 70 lines', (t) => {
  const functions = [
    ...[...typescript, ...scripts].flatMap(functionsOfTypeScript),
    ...cpp.flatMap(functionsOfCpp),
  ]

  t.deepEqual(
    functions.filter(({ lines }) => lines > functionLinesMax),
    [],
  )
})

test('half of all functions are shorter than ten lines', (t) => {
  const sources = typescript.filter((file) => file.startsWith('src/'))
  const lines = sources
    .flatMap(functionsOfTypeScript)
    .map((found) => found.lines)
    .sort((left, right) => left - right)

  const median = lines[Math.floor(lines.length / 2)] ?? 0

  t.true(median < medianFunctionLinesMax, `the median is ${median} lines`)
})
