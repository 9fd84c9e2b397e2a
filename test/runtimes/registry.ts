import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'

/** Whether packages can be had: one small request to the registry of this machine's npm. */
export function registryAnswers(): boolean {
  return spawnSync('npm', ['ping', '--fetch-retries', '0', '--fetch-timeout', '10000']).status === 0
}

/**
 * Downloads a package and unpacks it, without installing it: programs for another processor would be refused.
 * @returns its folder
 */
export function unpackedPackage(parent: string, specifier: string): string {
  const folder = path.join(parent, specifier.replaceAll(/[@/]/g, '-'))
  mkdirSync(folder)
  succeed('npm', ['pack', specifier, '--pack-destination', folder, '--prefer-offline'])
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  succeed('tar', ['-xzf', path.join(folder, tarball), '-C', folder])
  return path.join(folder, 'package')
}

function succeed(program: string, programArguments: readonly string[]): void {
  const { status, stderr } = spawnSync(program, programArguments, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${programArguments.join(' ')}: ${stderr}`)
}
