import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { importScript, packageRoot } from '../house/project.js'

interface Pack {
  readonly packInto: (folder: string) => string
}

interface RunResult {
  readonly exitCode: number | null
  readonly output: string
}

type Run = (program: string, ...programArguments: string[]) => RunResult

/** A folder of a user, with spaces and umlauts in its path. */
export interface Consumer {
  readonly directory: string
  /** Runs a program with node, npm and sh in reach, and nothing else. */
  readonly run: Run
  /** Runs a program with everything in reach that this machine has. */
  readonly runWithCompiler: Run
}

/** A new temporary folder whose name programs easily trip over. */
export function awkwardFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'clustor schöne Pakete '))
}

/** Packs the checkout as npm would publish it. */
export async function packedTarball(folder: string): Promise<string> {
  const { packInto } = (await importScript('pack.mjs')) as Pack
  return packInto(folder)
}

/** An empty project in `parent`, with nothing installed yet; `node` is the program that it runs under this name. */
export function emptyConsumer(parent: string, node = process.execPath): Consumer {
  const directory = path.join(parent, 'ein Verbraucher')
  const binaries = path.join(parent, 'bin')
  mkdirSync(directory)
  mkdirSync(binaries)
  symlinkSync(node, path.join(binaries, 'node'))
  symlinkSync('/bin/sh', path.join(binaries, 'sh'))
  symlinkSync(findOnPath('npm'), path.join(binaries, 'npm'))
  writeFileSync(path.join(directory, 'package.json'), '{ "private": true, "type": "module" }\n')
  return {
    directory,
    run: (program, ...programArguments) =>
      runIn(directory, binaries, path.join(binaries, program), programArguments),
    runWithCompiler: (program, ...programArguments) =>
      runIn(directory, process.env['PATH'] ?? '', program, programArguments),
  }
}

function findOnPath(program: string): string {
  const found = spawnSync('/bin/sh', ['-c', `command -v ${program}`], { encoding: 'utf8' })
  return realpathSync(found.stdout.trim())
}

function runIn(
  directory: string,
  searchPath: string,
  program: string,
  programArguments: readonly string[],
): RunResult {
  const environment = Object.fromEntries(
    // What npm tells its scripts about this checkout must not reach the consumer's npm.
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle|execpath|command)/.test(name),
    ),
  )
  const run = spawnSync(program, programArguments, {
    cwd: directory,
    encoding: 'utf8',
    env: { ...environment, PATH: searchPath, INIT_CWD: directory },
  })
  return { exitCode: run.status, output: `${run.stdout}${run.stderr}` }
}

/** The compiler of the checkout, for checking the shipped declarations. */
export const typescriptCompiler = path.join(packageRoot, 'node_modules/typescript/bin/tsc')
