import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { clustor, withDirectory } from './cli-support.js'

test('clustor keys makes a file for its owner, adds epochs to it, and never overwrites one', async (t) => {
  await withDirectory(async (directory) => {
    const path = join(directory, 'keys.json')

    const made = await clustor(['keys', 'create', path])
    const { mode } = await stat(path)
    const again = await clustor(['keys', 'create', path])
    const rotated = await clustor(['keys', 'rotate', path, '--json'])

    t.is(made.code, 0)
    t.is(mode & 0o777, 0o600)
    t.is(again.code, 1)
    t.regex(again.stderr, /keys rotate.*ERR_KEY_FILE_EXISTS/)
    t.like(JSON.parse(rotated.stdout), { dekEpochs: [1, 2], macEpochs: [1, 2], activeDek: 2 })
    const { dek } = JSON.parse(await readFile(path, 'utf8')) as { dek: Record<string, string> }
    for (const key of Object.values(dek)) t.false(rotated.stdout.includes(key))
  })
})
