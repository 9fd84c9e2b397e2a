// Which room may import which: the one table behind the dependency-cruiser rules, the ESLint rules of the pure rooms, and the
// house tests. An arrow that is not here does not exist; add it here first, with the reason in the commit.

/**
 * @typedef {object} Room
 * @property {boolean} pure no node: modules, clocks, timers, promises, randomness, process or console
 * @property {string[]} imports rooms it may import
 * @property {string[]} [importsTypes] rooms it may import with `import type` only
 * @property {string[]} [importsFiles] single files of other rooms it may import
 * @property {string[]} [packages] npm packages it may import
 */

/** Rooms of src/. @type {Record<string, Room>} */
export const rooms = {
  base: { pure: true, imports: [] },
  config: { pure: true, imports: ['base'], packages: ['smol-toml'] },
  raft: { pure: true, imports: ['base'] },
  native: { pure: false, imports: ['base'], packages: ['node-gyp-build'] },
  wal: {
    pure: false,
    imports: ['base', 'config', 'native'],
    importsTypes: ['raft'],
    importsFiles: ['src/raft/entry-range.ts'],
  },
  transport: {
    pure: false,
    imports: ['base', 'config'],
    importsTypes: ['raft'],
    // A snapshot message holds a configuration, whose bytes are those of the codec of the room that it belongs to.
    importsFiles: ['src/raft/entry-range.ts', 'src/raft/membership-codec.ts'],
    packages: ['msgpackr'],
  },
  apply: {
    pure: false,
    imports: ['base', 'config'],
    importsTypes: ['raft'],
    // The entry kinds are a table of numbers, not behaviour.
    importsFiles: ['src/raft/entry-range.ts'],
    packages: ['msgpackr'],
  },
  replica: {
    pure: false,
    imports: ['base', 'config', 'raft', 'wal', 'transport', 'apply'],
    importsTypes: ['native'],
  },
  client: {
    pure: false,
    imports: ['base', 'config', 'transport'],
    importsFiles: ['src/apply/key-value-codec.ts'],
    packages: ['msgpackr'],
  },
  node: {
    pure: false,
    imports: ['base', 'config', 'raft', 'native', 'wal', 'transport', 'apply', 'replica'],
  },
  cli: {
    pure: false,
    imports: ['base', 'config', 'public', 'bench'],
    importsFiles: ['src/apply/key-value-codec.ts'],
    packages: ['commander', 'cli-progress', 'cli-table3'],
  },
}

/** The public entry points: they export and do nothing else, so they may import every room but the command. */
export const publicEntries = ['src/index.ts', 'src/log.ts', 'src/client.ts']

/** Measuring code: the public API from outside, raw system calls through the addon, the command's own way to start a cluster, and
 *  the core alone. */
export const bench = {
  imports: ['base', 'config', 'native', 'public', 'bench'],
  importsFiles: [
    'src/cli/cluster-view.ts',
    'src/cli/free-ports.ts',
    'src/cli/local-cluster.ts',
    'src/raft/core.ts',
    'src/raft/messages.ts',
  ],
}

/** Rooms of native/ and the rooms whose headers they may include. @type {Record<string, string[]>} */
export const nativeRooms = {
  base: [],
  os: ['base'],
  crypto: ['base'],
  wal: ['base', 'os', 'crypto'],
  binding: ['base', 'os', 'crypto', 'wal'],
  simulation: ['base', 'os', 'wal', 'binding'],
  fuzz: ['base', 'os', 'crypto', 'wal'],
  test: ['base', 'os', 'crypto', 'wal'],
}
