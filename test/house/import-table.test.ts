import { readdirSync } from 'node:fs'
import path from 'node:path'
import test from 'ava'
import {
  importScript,
  missingFrom,
  packageRoot,
  projectFileExists,
  projectFiles,
  readProjectFile,
} from './project.js'

interface ImportTable {
  readonly rooms: Readonly<Record<string, { readonly imports: readonly string[] }>>
  readonly nativeRooms: Readonly<Record<string, readonly string[]>>
  readonly publicEntries: readonly string[]
}

const { rooms, nativeRooms, publicEntries } = (await importScript(
  'import-table.mjs',
)) as ImportTable

function folders(parent: string): string[] {
  return readdirSync(path.join(packageRoot, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

/** Headers by `#include "room/..."` that the table does not allow to the file's room. */
function forbiddenIncludes(file: string): string[] {
  const [, room = ''] = file.split(path.sep)
  const allowed = [room, ...(nativeRooms[room] ?? [])]
  return [...readProjectFile(file).matchAll(/^#include "(\w+)\//gm)]
    .map(([, included = '']) => included)
    .filter((included) => !allowed.includes(included))
    .map((included) => `${file} includes ${included}`)
}

test('every room has a row in the import table', (t) => {
  t.deepEqual(missingFrom(folders('src'), Object.keys(rooms)), [])
  t.deepEqual(missingFrom(folders('native'), Object.keys(nativeRooms)), [])
})

test('files directly in src are the public entry points', (t) => {
  const direct = projectFiles(['src'], ['.ts']).filter((file) => path.dirname(file) === 'src')

  t.deepEqual(missingFrom(direct, publicEntries), [])
})

test('the import table has no cycle', (t) => {
  const reachable = (name: string, seen: readonly string[]): boolean =>
    (rooms[name]?.imports ?? []).some(
      (next) => seen.includes(next) || reachable(next, [...seen, next]),
    )

  t.deepEqual(
    Object.keys(rooms).filter((name) => reachable(name, [name])),
    [],
  )
})

test('C++ files include only headers of the rooms they may use', (t) => {
  t.deepEqual(projectFiles(['native'], ['.cc', '.h']).flatMap(forbiddenIncludes), [])
})

test('N-API stays in native/binding, and in the addon of simulations', (t) => {
  const wrong = projectFiles(['native'], ['.cc', '.h'])
    .filter((file) => !/^native.(binding|simulation)/.test(file))
    .filter((file) => /#include <(napi|node_api|node|uv|v8)\.h>/.test(readProjectFile(file)))

  t.deepEqual(wrong, [])
})

test('docs/architecture.md names every room', (t) => {
  const page = readProjectFile('docs/architecture.md')
  const named = [...page.matchAll(/`(src|native)\/([\w-]+)`/g)].map(
    ([, side = '', room = '']) => `${side}/${room}`,
  )
  const existing = [
    ...Object.keys(rooms).map((room) => `src/${room}`),
    ...Object.keys(nativeRooms).map((room) => `native/${room}`),
  ].filter(projectFileExists)

  t.deepEqual(missingFrom(existing, named), [])
})
