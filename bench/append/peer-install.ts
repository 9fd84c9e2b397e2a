import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { ClustorError } from '../../src/base/errors.js'
import type { PeerName } from './settings.js'

/** Loaded packages of peers, by name; each as `require` gives it. */
export type PeerModules = ReadonlyMap<PeerName, unknown>

/** Lines of the packages that run on Node.js 20. */
const peerVersions: Readonly<Partial<Record<PeerName, string>>> = {
  'better-sqlite3': '12',
  'classic-level': '3',
  lmdb: '3',
}

/** Text of npm that an error repeats. */
const reasonCharactersMax = 600

/** Loads the packages of peers from the benchmark's cache directory and installs there with npm what is missing.
 *  @param cacheDirectory where packages stay between runs.
 *  @throws ERR_INVALID_ARGUMENT when npm cannot install one, with what to do. */
export async function loadPeers(
  names: readonly PeerName[],
  cacheDirectory: string,
  onProgress: (text: string) => void,
  signal: AbortSignal,
): Promise<PeerModules> {
  const modules = new Map<PeerName, unknown>()
  for (const name of names) {
    const version = peerVersions[name]
    if (version === undefined) continue
    const place = join(cacheDirectory, `${name}-${version}`)
    if (tryLoad(name, place) === null) {
      onProgress(`installing ${name} ${version} into ${place}`)
      await install(name, version, place, signal)
    }
    modules.set(name, load(name, place))
  }
  return modules
}

/** Where peers are installed unless a flag says otherwise. */
export function defaultPeerCache(environment: NodeJS.ProcessEnv): string {
  const { XDG_CACHE_HOME: cache } = environment
  const base = cache === undefined || cache === '' ? join(homedir(), '.cache') : cache
  return join(base, 'clustor', 'bench-peers')
}

function tryLoad(name: PeerName, place: string): unknown {
  try {
    return load(name, place)
  } catch {
    return null
  }
}

function load(name: PeerName, place: string): unknown {
  const module: unknown = createRequire(join(place, 'package.json'))(name)
  // The binary of better-sqlite3 is loaded with its first database: a package without one is to be found out now.
  if (name === 'better-sqlite3') new (module as new (path: string) => object)(':memory:')
  return module
}

async function install(
  name: PeerName,
  version: string,
  place: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(place, { recursive: true })
  await writeFile(join(place, 'package.json'), JSON.stringify({ private: true }))
  // Without a prebuilt binary the packages compile themselves in their install scripts.
  const words = ['install', '--ignore-scripts=false', '--no-audit', '--no-fund', '--no-progress']
  const reason = await npm([...words, `${name}@${version}`], place, signal)
  signal.throwIfAborted()
  if (reason === null && tryLoad(name, place) !== null) return
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `--against ${name} is not possible: npm could not install ${name}@${version} into ${place}. ` +
      'It needs the npm registry, and a C++ compiler with Python where no prebuilt binary fits; ' +
      `install it there by hand, or leave it out. npm says: ${reason ?? 'nothing'}`,
  )
}

/** Runs npm, with the headers beside node when they are there, and returns null when it succeeded, else what it said last. */
function npm(words: readonly string[], place: string, signal: AbortSignal): Promise<string | null> {
  const prefix = resolve(process.execPath, '..', '..')
  const hasHeaders = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  const environment = hasHeaders ? { ...process.env, npm_config_nodedir: prefix } : process.env
  const child = spawn('npm', words, {
    cwd: place,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-reasonCharactersMax)
    })
  }
  return new Promise((done) => {
    child.on('error', (error) => {
      done(error.message)
    })
    child.on('close', (code) => {
      done(code === 0 ? null : said)
    })
  })
}
