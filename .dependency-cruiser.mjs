import { bench, publicEntries, rooms } from './scripts/import-table.mjs'

const publicPattern = `^(${publicEntries.map(escapeDots).join('|')})$`

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two modules that need each other are one module, or lack a third.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      comment: 'Every import resolves.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      comment: 'What ships may need only what package.json lists under dependencies.',
      from: { path: '^(src|bench)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], pathNot: '@types/' },
    },
    {
      name: 'no-tests-from-source',
      severity: 'error',
      comment: 'Source never imports a test, nor a script.',
      from: { path: '^(src|bench)/' },
      to: { path: '^(test|scripts)/' },
    },
    {
      name: 'public-entries-export-rooms',
      severity: 'error',
      comment: 'Public entries import rooms, never the command, the benchmarks or packages.',
      from: { path: publicPattern },
      to: {
        pathNot: `^src/(${Object.keys(rooms).join('|')})/`,
        path: '^(src/cli|bench|node_modules)/',
      },
    },
    {
      name: 'bench-imports',
      severity: 'error',
      comment: 'See scripts/import-table.mjs.',
      from: { path: '^bench/' },
      to: { path: '^(src|bench)/', pathNot: fullPatterns(bench) },
    },
    ...Object.entries(rooms).flatMap(([name, room]) => rulesOf(name, room)),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    includeOnly: '^(src|bench|test|scripts|node_modules)/|^node:|^[a-z_]+$',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts'],
    },
  },
}

/** The rules of one room: rooms it may import, rooms of which it may use types, packages, and node: modules when it is pure. */
function rulesOf(name, room) {
  const full = [`^src/${name}/`, ...fullPatterns(room)]
  const typesOnly = roomPatterns(room.importsTypes ?? [])
  const packages = (room.packages ?? []).map(
    (packageName) => `node_modules/(@types/)?${packageName}/`,
  )
  const rule = (suffix, to) => ({
    name: `${name}-${suffix}`,
    severity: 'error',
    comment: 'See scripts/import-table.mjs.',
    from: { path: `^src/${name}/` },
    to,
  })
  return [
    rule('imports', { path: '^(src|bench)/', pathNot: [...full, ...typesOnly] }),
    rule('packages', {
      path: 'node_modules/',
      pathNot: ['node_modules/@types/node/', ...packages],
    }),
    ...(typesOnly.length === 0
      ? []
      : [
          rule('imports-types-only', {
            path: typesOnly,
            pathNot: full,
            dependencyTypesNot: ['type-only'],
          }),
        ]),
    ...(room.pure ? [rule('is-pure', { dependencyTypes: ['core'] })] : []),
  ]
}

function fullPatterns({ imports, importsFiles = [] }) {
  return [...roomPatterns(imports), ...importsFiles.map((file) => `^${escapeDots(file)}$`)]
}

function roomPatterns(names) {
  return names.flatMap((name) => {
    if (name === 'public') return [publicPattern]
    return name === 'bench' ? ['^bench/'] : [`^src/${name}/`]
  })
}

function escapeDots(text) {
  return text.replaceAll('.', '\\.')
}
