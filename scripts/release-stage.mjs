// Stages a release: one npm package for each platform in "napi.targets" of package.json, made of the binaries in prebuilds/.
//   node scripts/release-stage.mjs [--partial] [--out DIR]
// `--partial` stages the targets whose binary is there; without it every target must be. Nothing is published.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parseTriple } from '@napi-rs/cli'
import { newerThanNodeNeeds, readElf } from './elf.mjs'
import { packageRoot } from './steps.mjs'

const partial = process.argv.includes('--partial')
const outFlag = process.argv.indexOf('--out')
const stage = path.resolve(
  outFlag === -1 ? path.join(packageRoot, 'artifacts') : process.argv[outFlag + 1],
)
const manifest = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'))

const targets = manifest.napi.targets.map((triple) => ({ triple, ...parseTriple(triple) }))
const present = targets.filter((target) => existsSync(binaryOf(target)))
const missing = targets.filter((target) => !present.includes(target))

if (present.length === 0 || (missing.length > 0 && !partial)) {
  const names = missing.map((target) => path.relative(packageRoot, binaryOf(target)))
  console.error(`missing: ${names.join(', ')}; make them with npm run build:prebuilds`)
  process.exitCode = 1
} else {
  present.forEach(check)
  stageRelease()
}

function binaryOf({ platform, arch }) {
  return path.join(packageRoot, 'prebuilds', `${platform}-${arch}`, 'clustor.glibc.node')
}

/** @napi-rs/cli copies whatever is there: that the machine and the library versions fit is for us to see. */
function check(target) {
  const { arch, versions } = readElf(binaryOf(target))
  const tooNew = newerThanNodeNeeds(versions)
  if (arch !== target.arch) throw new Error(`${binaryOf(target)} is made for ${arch}`)
  if (tooNew.length > 0) throw new Error(`${binaryOf(target)} asks for ${tooNew.join(', ')}`)
}

/** Works on a copy of the manifest, so that the committed one never names packages that are not published. */
function stageRelease() {
  rmSync(stage, { recursive: true, force: true })
  const binaries = path.join(stage, 'binaries')
  mkdirSync(binaries, { recursive: true })
  const napi = { ...manifest.napi, targets: present.map(({ triple }) => triple) }
  writeFileSync(
    path.join(stage, 'package.json'),
    `${JSON.stringify({ ...manifest, napi }, null, 2)}\n`,
  )
  for (const target of present) {
    copyFileSync(
      binaryOf(target),
      path.join(binaries, `${napi.binaryName}.${target.platformArchABI}.node`),
    )
  }
  runNapi('create-npm-dirs')
  runNapi('artifacts', '--output-dir', 'binaries')
  runNapi('version')
  console.log(
    `staged ${present.map(({ platformArchABI }) => platformArchABI).join(', ')} in ${stage}`,
  )
}

function runNapi(...napiArguments) {
  const program = createRequire(import.meta.url).resolve('@napi-rs/cli/package.json')
  const run = spawnSync(
    process.execPath,
    [path.join(path.dirname(program), 'dist', 'cli.js'), ...napiArguments],
    { cwd: stage, encoding: 'utf8' },
  )
  if (run.status !== 0) throw new Error(`napi ${napiArguments[0]}: ${run.stdout}${run.stderr}`)
}
