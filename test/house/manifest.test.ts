import path from 'node:path'
import test from 'ava'
import { missingFrom, projectFileExists, projectFiles, readProjectFile } from './project.js'

interface Manifest {
  readonly version: string
  readonly scripts: Readonly<Record<string, string>>
  readonly files: readonly string[]
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  readonly bin: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly gypfile: boolean
}

const manifest = JSON.parse(readProjectFile('package.json')) as Manifest

test('every export and the command have a source file', (t) => {
  const outputs = [
    ...Object.values(manifest.exports).map((entry) =>
      typeof entry === 'string' ? entry : entry.default,
    ),
    ...Object.values(manifest.bin),
  ].filter((output) => output.endsWith('.js'))

  const sources = outputs.map((output) =>
    path
      .normalize(output)
      .replace(/^dist\//, '')
      .replace(/\.js$/, '.ts'),
  )

  t.deepEqual(
    sources.filter((source) => !projectFileExists(source)),
    [],
  )
})

test('installing the package runs no script and compiles nothing', (t) => {
  t.deepEqual(
    ['preinstall', 'install', 'postinstall', 'prebuild'].filter((name) => name in manifest.scripts),
    [],
  )
  t.false(manifest.gypfile)
  t.false(manifest.files.includes('binding.gyp'))
})

test('docs/dependencies.md gives the reason for every dependency and for nothing else', (t) => {
  const documented = [
    ...readProjectFile('docs/dependencies.md').matchAll(/^\| `([^`]+)` \|/gm),
  ].map(([, name = '']) => name)
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })

  t.deepEqual(missingFrom(declared, documented), [])
  t.deepEqual(missingFrom(documented, declared), [])
})

test('CMake and node-gyp build the same sources of the core, and all of them', (t) => {
  const listed = readProjectFile('native/sources.txt')
    .split('\n')
    .filter((line) => line.endsWith('.cc'))
  const existing = projectFiles(
    ['native/base', 'native/os', 'native/crypto', 'native/wal'],
    ['.cc'],
  ).map((file) => file.split(path.sep).slice(1).join('/'))

  t.deepEqual(missingFrom(existing, listed), [], 'files that native/sources.txt lacks')
  t.deepEqual(missingFrom(listed, existing), [], 'rows of native/sources.txt without a file')
  t.true(readProjectFile('native/CMakeLists.txt').includes('sources.txt'))
  t.true(readProjectFile('scripts/build-native.cjs').includes('sources.txt'))
})
