import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { runFixture } from './run-fixture.js'
import type { FixtureEnd } from './run-fixture.js'

/** Compiled code: the folder that holds `src` and `test`. */
const buildRoot = fileURLToPath(new URL('../..', import.meta.url))

const entryPoints: Readonly<Record<string, string>> = {
  clustor: 'src/index.js',
  'clustor/client': 'src/client.js',
  'clustor/log': 'src/log.js',
}

/** Runs an example of docs/examples as it stands there, with the package's entry points replaced by the compiled ones.
 *  @param directory where the copy goes; an empty one that the test removes. */
export async function runExample(
  name: string,
  directory: string,
  programArguments: readonly string[],
): Promise<FixtureEnd> {
  const source = await readFile(path.join(packageRoot(), 'docs', 'examples', name), 'utf8')
  const copy = path.join(directory, name)
  await writeFile(
    copy,
    source.replaceAll(/from '(clustor[^']*)'/g, (_, entry: string) => {
      const file = path.join(buildRoot, entryPoints[entry] ?? entry)
      return `from '${pathToFileURL(file).href}'`
    }),
  )
  return await runFixture(pathToFileURL(copy), programArguments)
}

const packageRoot = (): string => path.dirname(buildRoot)
