// Runs every fuzz target of native/fuzz with libFuzzer, AddressSanitizer and UBSan, one after the other; needs clang.
//   npm run fuzz -- --seconds N [--only TARGET] [--json] [--keep]
// Each begins with its seeds, the kept corpus and what earlier runs found (build/fuzz/work). A finding is an input for which a
// property does not hold, or that crashes, hangs or takes too much memory: the run then ends with exit code 1 and says where the
// input is. --keep puts a small set of inputs that reach everything reached so far into native/fuzz/corpus, for corpus_test.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { packageRoot } from './steps.mjs'
import { buildNative, fuzzBuild } from './toolchain.mjs'

const limits = ['-timeout=25', '-rss_limit_mb=1024', '-malloc_limit_mb=8', '-max_len=16384']
// A kept input is short, and all of them together stay below 200 KB.
const keptInputBytesMax = 2_048
const keptTargetBytesMax = 18_000

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const seconds = Number(options.seconds)
const folder = buildNative({
  ...fuzzBuild,
  targets: ['fuzz', 'write_seeds'],
  quiet: options.json,
})
const names = targetNames()
if (!Number.isInteger(seconds) || seconds < 1 || names.length === 0) {
  console.error('usage: npm run fuzz -- --seconds N [--only TARGET] [--json] [--keep]')
  process.exit(2)
}
const results = names.map(fuzz)
report(results)
if (options.keep) names.forEach(keep)
process.exitCode = results.some(({ findings }) => findings.length > 0) ? 1 : 0

/** Writes the seeds, which make a folder for each target. */
function targetNames() {
  const seeds = path.join(folder, 'seeds')
  rmSync(seeds, { recursive: true, force: true })
  spawnSync(path.join(folder, 'fuzz', 'write_seeds'), [seeds], { stdio: 'inherit' })
  const all = existsSync(seeds) ? readdirSync(seeds).sort() : []
  return all.filter((name) => options.only === undefined || options.only === name)
}

function fuzz(name) {
  const work = path.join(folder, 'work', name)
  const findings = path.join(folder, 'findings', name)
  mkdirSync(work, { recursive: true })
  mkdirSync(findings, { recursive: true })
  if (!options.json) console.log(`fuzzing ${name} for ${seconds} s`)
  const run = spawnFuzzer(name, [
    ...[work, path.join(folder, 'seeds', name), keptFolder(name)].filter((there) =>
      existsSync(there),
    ),
    ...limits,
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${findings}${path.sep}`,
    '-print_final_stats=1',
  ])
  return {
    name,
    executions: lastNumber(run.stderr, /^stat::number_of_executed_units:\s*(\d+)/gm),
    edges: lastNumber(run.stderr, /^#\d+\s.*\bcov: (\d+)/gm),
    inputs: readdirSync(work).length,
    findings: run.status === 0 ? [] : [finding(name, run.stderr)],
  }
}

function finding(name, text) {
  const input = text.match(/Test unit written to (\S+)/)?.[1] ?? 'none'
  return {
    what: text.match(/^.*(?:does not hold: |ERROR: |runtime error: ).*$/m)?.[0] ?? text.slice(-500),
    input,
    replay: `CLUSTOR_FUZZ_TARGET=${name} ${path.join(folder, 'fuzz', 'fuzz')} ${input}`,
  }
}

/** Replaces the kept inputs of a target by a small set with the same reach, as far as the bytes allow. */
function keep(name) {
  const merged = path.join(folder, 'merged', name)
  for (const target of [merged, keptFolder(name)]) {
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
  }
  const sources = [path.join(folder, 'seeds', name), path.join(folder, 'work', name)]
  const arguments_ = ['-set_cover_merge=1', `-max_len=${keptInputBytesMax}`]
  spawnFuzzer(name, [merged, ...sources, ...arguments_])
  let bytes = 0
  const inputs = readdirSync(merged).map((input) => path.join(merged, input))
  for (const input of inputs.sort((left, right) => statSync(left).size - statSync(right).size)) {
    bytes += statSync(input).size
    if (bytes > keptTargetBytesMax) return
    copyFileSync(input, path.join(keptFolder(name), path.basename(input)))
  }
}

function keptFolder(name) {
  return path.join(packageRoot, 'native', 'fuzz', 'corpus', name)
}

function spawnFuzzer(name, fuzzerArguments) {
  return spawnSync(path.join(folder, 'fuzz', 'fuzz'), fuzzerArguments, {
    env: { ...process.env, CLUSTOR_FUZZ_TARGET: name },
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
}

function report(fuzzed) {
  if (options.json) {
    console.log(JSON.stringify({ seconds, targets: fuzzed }))
    return
  }
  console.log('\ntarget          executions     edges    inputs  findings')
  for (const { name, executions, edges, inputs, findings } of fuzzed) {
    const columns = [executions, edges, inputs, findings.length]
    console.log(name.padEnd(15) + columns.map((value) => String(value).padStart(11)).join(''))
  }
  for (const { what, input, replay } of fuzzed.flatMap(({ findings }) => findings)) {
    console.log(`\n${what}\n  input:  ${input}\n  replay: ${replay}`)
  }
  const failed = fuzzed.filter(({ findings }) => findings.length > 0).length
  console.log(`\n${fuzzed.length - failed} passed, ${failed} failed`)
}

function lastNumber(text, pattern) {
  return Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0)
}
