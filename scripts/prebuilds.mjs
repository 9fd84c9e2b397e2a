// Where the release binaries stand: prebuilds/<platform>-<arch>/, under the names that prebuildify gives and node-gyp-build
// looks for.

import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { packageRoot } from './steps.mjs'

/** No binary may be larger: every installation carries those of all platforms that the package ships. */
export const binaryBytesMax = 600 * 1024

/**
 * The binary of a platform, relative to a package's folder. On Linux its name says which C library it is made for.
 * @param {{ platform: string, arch: string, abi?: string | null }} target as `parseTriple` of @napi-rs/cli gives it
 */
export function prebuildOf({ platform, arch, abi }) {
  const libc = platform === 'linux' ? (abi === 'musl' ? '.musl' : '.glibc') : ''
  return path.join('prebuilds', `${platform}-${arch}`, `clustor${libc}.node`)
}

/**
 * All binaries of a package's folder, relative to it, with their sizes.
 * @param {string} [root]
 * @returns {{ file: string, bytes: number }[]}
 */
export function prebuildsOf(root = packageRoot) {
  const folder = path.join(root, 'prebuilds')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.node') && !path.basename(name).startsWith('.'))
    .map((name) => path.join('prebuilds', name))
    .sort()
    .map((file) => ({ file, bytes: statSync(path.join(root, file)).size }))
}

/**
 * What is wrong with the sizes of binaries, one sentence each.
 * @param {{ file: string, bytes: number }[]} binaries
 * @returns {string[]}
 */
export function tooLarge(binaries) {
  return binaries
    .filter(({ bytes }) => bytes > binaryBytesMax)
    .map(
      ({ file, bytes }) =>
        `${file} has ${String(bytes)} bytes, ${String(binaryBytesMax)} are allowed: docs/packaging.md, "Size", says how to bring it down`,
    )
}
