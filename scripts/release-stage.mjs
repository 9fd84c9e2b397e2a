// Stages a release: one npm package for each platform in "napi.targets" of package.json, made of the binaries in prebuilds/.
//   node scripts/release-stage.mjs [--partial] [--from DIR] [--out DIR]
// `--partial` stages the targets whose binary is there; without it every target must be. `--from` names the folder that holds
// prebuilds/. Nothing is published.

import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { parseTriple } from '@napi-rs/cli'
import { newerThanNodeNeeds, readElf } from './elf.mjs'
import { readMachine } from './machine.mjs'
import { prebuildOf, prebuildsOf, tooLarge } from './prebuilds.mjs'
import { packageRoot } from './steps.mjs'

const partial = process.argv.includes('--partial')
const from = folderOption('--from', packageRoot)
const stage = folderOption('--out', path.join(packageRoot, 'artifacts'))
const manifest = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'))

const targets = manifest.napi.targets.map((triple) => ({ triple, ...parseTriple(triple) }))
const present = targets.filter((target) => existsSync(binaryOf(target)))
const missing = targets.filter((target) => !present.includes(target)).map(prebuildOf)
const complaints = [
  ...(present.length === 0 || !partial ? missing.map((file) => `${file} is missing`) : []),
  ...tooLarge(prebuildsOf(from)),
  ...present.flatMap(complaintsAbout),
]

if (complaints.length === 0) {
  stageRelease()
} else {
  for (const complaint of complaints) console.error(`clustor: ${complaint}`)
  console.error('clustor: nothing is staged; docs/packaging.md says where each binary comes from')
  process.exitCode = 1
}

function folderOption(name, otherwise) {
  const position = process.argv.indexOf(name)
  return path.resolve(position === -1 ? otherwise : process.argv[position + 1])
}

function binaryOf(target) {
  return path.join(from, prebuildOf(target))
}

/** @napi-rs/cli copies whatever is there: that system, machine and library versions fit is for us to see. */
function complaintsAbout(target) {
  const file = prebuildOf(target)
  const { platform, arch, isAddon } = readMachine(binaryOf(target))
  const found = []
  if (platform !== target.platform || arch !== target.arch) {
    found.push(`${file} is made for ${platform}-${arch}`)
  }
  if (!isAddon) found.push(`${file} is no addon: it has no napi_register_module_v1`)
  return platform === 'linux' ? [...found, ...libraryComplaints(target)] : found
}

function libraryComplaints(target) {
  const { versions } = readElf(binaryOf(target))
  const unwanted =
    target.abi === 'musl'
      ? versions.filter((version) => version.startsWith('GLIBC_'))
      : newerThanNodeNeeds(versions)
  return unwanted.length === 0 ? [] : [`${prebuildOf(target)} asks for ${unwanted.join(', ')}`]
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
