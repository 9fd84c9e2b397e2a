import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packageRoot } from '../house/project.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

type Field = readonly [offset: number, value: number]

/** The first bytes of a binary, and the name of the entry point that every addon has. */
function binary(fields: readonly Field[], entryPoint = 'napi_register_module_v1'): Buffer {
  const bytes = Buffer.alloc(256)
  for (const [offset, value] of fields) bytes.writeUInt32LE(value, offset)
  return Buffer.concat([bytes, Buffer.from(entryPoint)])
}

const elf = (machine: number): Buffer =>
  binary([
    [0, 0x464c457f],
    [4, 0x010102],
    [0x12, machine],
  ])
const machO = (processor: number): Buffer =>
  binary([
    [0, 0xfeedfacf],
    [4, processor],
  ])
const portableExecutable = (machine: number): Buffer =>
  binary([
    [0, 0x5a4d],
    [0x3c, 0x80],
    [0x84, machine],
  ])

/** A binary for every target of package.json, under the name that prebuildify gives it. */
const everyBinary = {
  'linux-x64/clustor.glibc.node': elf(62),
  'linux-arm64/clustor.glibc.node': elf(183),
  'linux-x64/clustor.musl.node': elf(62),
  'linux-arm64/clustor.musl.node': elf(183),
  'darwin-x64/clustor.node': machO(0x01000007),
  'darwin-arm64/clustor.node': machO(0x0100000c),
  'win32-x64/clustor.node': portableExecutable(0x8664),
}

interface Staged {
  readonly status: number | null
  readonly output: string
  readonly out: string
}

/** Stages what stands in a folder of binaries. */
function stage(
  t: ExecutionContext,
  binaries: Readonly<Record<string, Buffer>>,
  ...flags: string[]
): Staged {
  const from = temporaryDirectory(t)
  const out = path.join(from, 'staged')
  for (const [name, bytes] of Object.entries(binaries)) {
    const file = path.join(from, 'prebuilds', name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
  const script = path.join(packageRoot, 'scripts/release-stage.mjs')
  const run = spawnSync(process.execPath, [script, '--from', from, '--out', out, ...flags], {
    encoding: 'utf8',
  })
  return { status: run.status, output: `${run.stdout}${run.stderr}`, out }
}

test('a release stages a package for every platform, each with its own binary, and npm can choose', (t) => {
  const { status, output, out } = stage(t, everyBinary)

  t.is(status, 0, output)
  const rows = readdirSync(path.join(out, 'npm'))
    .sort()
    .map((name) => {
      const folder = path.join(out, 'npm', name)
      const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
        name: string
        version: string
        main: string
        os: string[]
        cpu: string[]
        libc?: string[]
      }
      const { os, cpu, libc = [], main, version } = manifest
      const bytes = readFileSync(path.join(folder, main))
      const [source] = Object.entries(everyBinary).find(
        ([key, value]) =>
          key.startsWith(`${os.join()}-${cpu.join()}/`) &&
          key.includes(libc.join()) &&
          value.equals(bytes),
      ) ?? ['another binary']
      return [manifest.name, version, ...os, ...cpu, ...libc, source].join(' ')
    })
  t.deepEqual(rows, [
    'clustor-darwin-arm64 0.1.0 darwin arm64 darwin-arm64/clustor.node',
    'clustor-darwin-x64 0.1.0 darwin x64 darwin-x64/clustor.node',
    'clustor-linux-arm64-gnu 0.1.0 linux arm64 glibc linux-arm64/clustor.glibc.node',
    'clustor-linux-arm64-musl 0.1.0 linux arm64 musl linux-arm64/clustor.musl.node',
    'clustor-linux-x64-gnu 0.1.0 linux x64 glibc linux-x64/clustor.glibc.node',
    'clustor-linux-x64-musl 0.1.0 linux x64 musl linux-x64/clustor.musl.node',
    'clustor-win32-x64-msvc 0.1.0 win32 x64 win32-x64/clustor.node',
  ])
})

test('a release that lacks a platform is refused by name; a partial one stages the others', (t) => {
  const { 'win32-x64/clustor.node': windows, ...others } = everyBinary
  t.true(windows.length > 0)

  const whole = stage(t, others)
  const partial = stage(t, others, '--partial')

  t.is(whole.status, 1)
  t.regex(whole.output, /prebuilds\/win32-x64\/clustor\.node is missing/)
  t.is(partial.status, 0, partial.output)
  t.is(readdirSync(path.join(partial.out, 'npm')).length, 6)
})

const wrong: readonly (readonly [string, Record<string, Buffer>, RegExp])[] = [
  [
    'another processor',
    { 'linux-arm64/clustor.glibc.node': elf(62) },
    /linux-arm64\/clustor\.glibc\.node is made for linux-x64/,
  ],
  [
    'another system',
    { 'darwin-x64/clustor.node': elf(62) },
    /darwin-x64\/clustor\.node is made for linux-x64/,
  ],
  [
    'no addon',
    {
      'win32-x64/clustor.node': binary(
        [
          [0, 0x5a4d],
          [0x3c, 0x80],
          [0x84, 0x8664],
        ],
        'main',
      ),
    },
    /win32-x64\/clustor\.node is no addon/,
  ],
  [
    'glibc in a binary for musl',
    {
      'linux-x64/clustor.musl.node': Buffer.concat([
        readFileSync(process.execPath),
        Buffer.from('napi_register_module_v1'),
      ]),
    },
    /clustor\.musl\.node asks for GLIBC_2/,
  ],
  [
    'more than 600 KiB',
    { 'linux-x64/clustor.glibc.node': Buffer.concat([elf(62), Buffer.alloc(614_400)]) },
    /clustor\.glibc\.node has \d+ bytes, 614400 are allowed/,
  ],
]

for (const [name, binaries, complaint] of wrong) {
  test(`a release is refused with ${name}`, (t) => {
    const { status, output } = stage(t, binaries, '--partial')

    t.is(status, 1)
    t.regex(output, complaint)
  })
}
