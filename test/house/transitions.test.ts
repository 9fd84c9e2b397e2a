import path from 'node:path'
import test from 'ava'
import ts from 'typescript'
import { packageRoot, readProjectFile } from './project.js'

/** What a change of one file makes the compiler say about other files, as `file: message`. */
function errorsAfter(
  change: { readonly file: string; readonly from: string; readonly to: string },
  files: readonly string[],
): string[] {
  const text = readProjectFile(change.file)
  const changed = text.replace(change.from, change.to)
  if (changed === text) throw new Error(`${change.file} does not contain ${change.from}`)
  const program = programWith(change.file, changed, files)
  return files.flatMap((file) => {
    const source = program.getSourceFile(path.join(packageRoot, file))
    const diagnostics = program.getSemanticDiagnostics(source)
    return diagnostics.map(({ messageText }) => `${path.basename(file)}: ${textOf(messageText)}`)
  })
}

const textOf = (message: string | ts.DiagnosticMessageChain): string =>
  ts.flattenDiagnosticMessageText(message, '\n')

/** The files as the compiler sees them when one of them has another text than on disk. */
function programWith(file: string, text: string, files: readonly string[]): ts.Program {
  const read = (name: string): string | undefined => ts.sys.readFile(name)
  const { config } = ts.readConfigFile(path.join(packageRoot, 'tsconfig.json'), read) as {
    config: unknown
  }
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, packageRoot)
  const host = ts.createCompilerHost(options)
  const readFile = host.readFile.bind(host)
  const changedFile = path.join(packageRoot, file)
  host.readFile = (name) => (path.resolve(name) === changedFile ? text : readFile(name))
  host.getSourceFile = (name, version) => {
    const content = host.readFile(name)
    return content === undefined ? undefined : ts.createSourceFile(name, content, version)
  }
  return ts.createProgram(
    files.map((name) => path.join(packageRoot, name)),
    options,
    host,
  )
}

const table = 'src/raft/transitions.ts'
const termGate = 'src/raft/term-gate.ts'

test('a new kind of message does not compile until every role and the term gate decide about it', (t) => {
  const errors = errorsAfter(
    {
      file: 'src/raft/messages.ts',
      from: '  | TimeoutNow\n',
      to: "  | TimeoutNow\n  | (Envelope & { readonly kind: 'nudge' })\n",
    },
    [table, termGate],
  )

  const undecided = errors.filter((error) => error.startsWith("transitions.ts: Property 'nudge'"))
  t.is(undecided.length, 4, errors.join('\n'))
  t.true(errors.some((error) => error.startsWith('term-gate.ts: ')))
})

test('a new role does not compile until it decides about every message', (t) => {
  const errors = errorsAfter(
    { file: 'src/raft/ready.ts', from: "| 'leader'\n", to: "| 'leader' | 'witness'\n" },
    [table],
  )

  t.is(errors.length, 1)
  t.regex(errors[0] ?? '', /^transitions\.ts: Property 'witness' is missing/)
})

test('the table and the term gate as they are compile', (t) => {
  const unchanged = errorsAfter(
    { file: table, from: 'The message comes too late', to: 'The message came too late' },
    [table, termGate],
  )

  t.deepEqual(unchanged, [])
})
