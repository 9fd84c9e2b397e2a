import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The folder of package.json; tests run compiled, from a folder of any depth below it. */
export const packageRoot = findPackageRoot(path.dirname(fileURLToPath(import.meta.url)))

function findPackageRoot(folder: string): string {
  return existsSync(path.join(folder, 'package.json'))
    ? folder
    : findPackageRoot(path.dirname(folder))
}

/** The text of a project file, by its path below the package root. */
export function readProjectFile(file: string): string {
  return readFileSync(path.join(packageRoot, file), 'utf8')
}

/** Whether a project file or folder exists. */
export function projectFileExists(file: string): boolean {
  return existsSync(path.join(packageRoot, file))
}

/** All files below the folders, with their path below the package root; a missing folder holds none. */
export function projectFiles(folders: readonly string[], extensions: readonly string[]): string[] {
  return folders
    .filter(projectFileExists)
    .flatMap((folder) =>
      readdirSync(path.join(packageRoot, folder), { recursive: true, withFileTypes: true }),
    )
    .filter((entry) => entry.isFile() && extensions.includes(path.extname(entry.name)))
    .map((entry) => path.relative(packageRoot, path.join(entry.parentPath, entry.name)))
    .sort()
}

/** Loads a hand-written module of scripts/, which is not compiled. */
export function importScript(name: string): Promise<unknown> {
  return import(pathToFileURL(path.join(packageRoot, 'scripts', name)).href)
}

/** The members of `left` that `right` lacks. */
export function missingFrom(left: Iterable<string>, right: Iterable<string>): string[] {
  const known = new Set(right)
  return [...new Set(left)].filter((member) => !known.has(member))
}
