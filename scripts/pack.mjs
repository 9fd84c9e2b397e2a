import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

/**
 * Packs the package as npm would publish it: compiled, with the prebuilt binary of this platform.
 * @param {string} folder where the tarball goes; it is made when it is missing
 * @returns {string} the path of the tarball
 */
export function packInto(folder) {
  mkdirSync(folder, { recursive: true })
  const run = spawnSync('npm', ['pack', '--pack-destination', folder], {
    cwd: packageRoot,
    encoding: 'utf8',
  })
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  if (run.status !== 0 || name === undefined) {
    throw new Error(`npm pack ended with ${String(run.status)}\n${run.stdout}${run.stderr}`)
  }
  return path.join(folder, name)
}
