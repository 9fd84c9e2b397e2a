// Runs named commands one after the other and counts what they say, so that every script of the project ends with the same
// line: `N passed, N failed`.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of package.json. */
export const packageRoot = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** How the programs we run close: each function returns null when the output holds no such line. */
const closingLines = [
  (text) => countsOf(text.match(/^(?:\w+: )?(\d+) passed, (\d+) failed\b/gm)?.at(-1)),
  (text) => avaCounts(text),
  (text) => ctestCounts(text),
]

/**
 * @typedef {object} Step
 * @property {string} name what is checked, in a few words
 * @property {string[]} command program and arguments; programs of node_modules/.bin are found
 * @property {boolean} [quiet] print the output only when the step fails
 * @property {boolean} [single] count the step as one check, whatever its output counts
 * @property {string} [after] name of an earlier step that has to end first, when several run at once
 * @property {Record<string, string>} [environment]
 */

/**
 * Runs all steps, also after a failure, and sets the exit code.
 * @param {Step[]} steps
 * @param {number} atOnce how many run beside each other; more than one only for quiet ones
 */
export async function runSteps(steps, atOnce = 1) {
  const results = []
  const ended = new Map()
  const waiting = steps.values()
  const work = async () => {
    for (const step of waiting) {
      const result = Promise.resolve(ended.get(step.after)).then(() => runStep(step))
      ended.set(step.name, result)
      results.push(await result)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  const passed = results.reduce((sum, result) => sum + result.passed, 0)
  const failed = results.reduce((sum, result) => sum + result.failed, 0)
  console.log(`\n${passed} passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}

async function runStep(step) {
  const startedAtMs = performance.now()
  if (!step.quiet) console.log(`\n> ${step.name}`)
  const { exitCode, text } = await runCommand(step)
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1)
  if (step.quiet) printQuietStep(step, exitCode, text, seconds)
  return countsOfStep(step, exitCode, text)
}

function printQuietStep(step, exitCode, text, seconds) {
  console.log(`${exitCode === 0 ? 'ok  ' : 'FAIL'} ${step.name} (${seconds} s)`)
  if (exitCode !== 0) console.log(text.trimEnd().replace(/^/gm, '     '))
}

/** Runs one command; its output is returned, and shown at once unless the step is quiet. */
function runCommand({ command, quiet = false, environment = {} }) {
  const [program, ...commandArguments] = command
  const binaries = path.join(packageRoot, 'node_modules', '.bin')
  const searchPath = `${binaries}${path.delimiter}${process.env.PATH ?? ''}`
  const child = spawn(program, commandArguments, {
    cwd: packageRoot,
    env: { ...process.env, ...environment, PATH: searchPath },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks = []
  const collect = (stream) => (chunk) => {
    chunks.push(chunk)
    if (!quiet) stream.write(chunk)
  }
  child.stdout.on('data', collect(process.stdout))
  child.stderr.on('data', collect(process.stderr))
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ exitCode: 1, text: String(error) }))
    child.on('close', (exitCode) => {
      resolve({ exitCode: exitCode ?? 1, text: Buffer.concat(chunks).toString() })
    })
  })
}

/** A step that exits with an error has failed at least once, even if it died before it could count. */
function countsOfStep(step, exitCode, text) {
  const counts = step.single ? null : countsIn(text)
  if (counts === null) return exitCode === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
  return exitCode === 0 ? counts : { passed: counts.passed, failed: Math.max(1, counts.failed) }
}

/** The counts of the closing line in a program's output, or null. */
export function countsIn(text) {
  const plain = stripColors(text)
  for (const read of closingLines) {
    const counts = read(plain)
    if (counts !== null) return counts
  }
  return null
}

function countsOf(line) {
  if (line === undefined) return null
  const [passed, failed] = line.match(/\d+/g).map(Number)
  return { passed, failed }
}

/** ava marks each test and closes with `12 tests passed`, or with failures, uncaught exceptions, rejections and timeouts. */
function avaCounts(text) {
  const failurePattern =
    /^\s*(\d+) (?:tests?|hooks?|uncaught exceptions?|unhandled rejections?)(?: failed)?$/gm
  const failed = [...text.matchAll(failurePattern)].reduce(
    (total, match) => total + Number(match[1]),
    0,
  )
  const passed = [...text.matchAll(/^\s*✔ /gm)].length
  const isAva = /^\s*─$/m.test(text)
  return isAva ? { passed, failed } : null
}

/** ctest closes with `100% tests passed, 0 tests failed out of 12`. */
function ctestCounts(text) {
  const match = text.match(/tests passed, (\d+) tests? failed out of (\d+)/)
  if (match === null) return null
  return { passed: Number(match[2]) - Number(match[1]), failed: Number(match[1]) }
}

function stripColors(text) {
  return text.replaceAll(/\u001b\[[0-9;]*m/g, '')
}
