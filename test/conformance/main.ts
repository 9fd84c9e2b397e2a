import { existsSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { listScripts, runScript, type Mode, type ScriptResult } from './runner.js'

const usage = 'usage: npm run conformance -- [--dir DIR]... [--mode protocol|exact]'

const { values } = parseArgs({
  options: {
    dir: { type: 'string', multiple: true },
    mode: { type: 'string', default: 'protocol' },
  },
})

process.exitCode = main(values.dir, values.mode)

function main(directories: readonly string[] | undefined, mode: string): number {
  if (mode !== 'protocol' && mode !== 'exact') return refuse(`unknown mode ${mode}\n${usage}`)
  const missing = directories?.find((directory) => !existsSync(directory))
  if (missing !== undefined) return refuse(`no directory ${missing}\n${usage}`)
  const files = directories === undefined ? defaultScripts() : directories.flatMap(listScripts)
  if (files.length === 0) return refuse(`no scripts found; name them with --dir\n${usage}`)
  return runAll(files, mode)
}

function runAll(files: readonly string[], mode: Mode): number {
  const results = files.map((file) => runScript(file, mode))
  for (const result of results) report(result)
  const failed = results.filter(({ divergence }) => divergence !== undefined).length
  console.log(`${results.length - failed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function report({ file, divergence }: ScriptResult): void {
  const name = relative(process.cwd(), file)
  if (divergence === undefined) {
    console.log(`ok    ${name}`)
    return
  }
  const { line, command, expected, actual } = divergence
  console.log(`FAIL  ${name}:${line} ${command}\n  expected: ${expected}\n  actual:   ${actual}`)
}

/** The scripts that are beside the checkout. */
function defaultScripts(): string[] {
  const suite = join(packageRoot(), '..', 'shared', 'conformance')
  return existsSync(suite) ? listScripts(suite) : []
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory)
  return directory
}

function refuse(message: string): number {
  console.error(message)
  return 2
}
