import test from 'ava'
import { importScript } from './project.js'

interface Counts {
  readonly passed: number
  readonly failed: number
}

interface Steps {
  readonly countsIn: (text: string) => Counts | null
}

interface Elf {
  readonly readElf: (file: string) => { readonly arch: string; readonly versions: string[] }
  readonly newerThanNodeNeeds: (versions: readonly string[]) => string[]
}

interface Prebuilds {
  readonly prebuildOf: (target: { platform: string; arch: string; abi: string | null }) => string
  readonly tooLarge: (binaries: readonly { file: string; bytes: number }[]) => string[]
}

const { countsIn } = (await importScript('steps.mjs')) as Steps
const { readElf, newerThanNodeNeeds } = (await importScript('elf.mjs')) as Elf
const { prebuildOf, tooLarge } = (await importScript('prebuilds.mjs')) as Prebuilds

const closings: readonly {
  readonly name: string
  readonly output: string
  readonly expected: Counts | null
}[] = [
  {
    name: 'a closing line of our own',
    output: 'quorum: ok\n\n4 passed, 1 failed\n',
    expected: { passed: 4, failed: 1 },
  },
  {
    name: 'the last of several closing lines',
    output: '1 passed, 0 failed\nmore\nconformance: 2 passed, 0 failed\n',
    expected: { passed: 2, failed: 0 },
  },
  {
    name: 'ava without failures',
    output: '  ✔ one\n  ✔ two (1.2s)\n  ─\n\n  2 tests passed\n',
    expected: { passed: 2, failed: 0 },
  },
  {
    name: 'ava with failures and a crash',
    output: '  ✔ one\n  ✘ [fail]: two\n  ─\n\n  1 test failed\n  1 uncaught exception\n',
    expected: { passed: 1, failed: 2 },
  },
  {
    name: 'colours of a terminal',
    output: '  \u001b[32m✔\u001b[39m one\n  ─\n\n  \u001b[32m1 test passed\u001b[39m\n',
    expected: { passed: 1, failed: 0 },
  },
  {
    name: 'ctest',
    output: '\n93% tests passed, 1 tests failed out of 14\n',
    expected: { passed: 13, failed: 1 },
  },
  { name: 'no closing line', output: 'compiled\n', expected: null },
]

for (const { name, output, expected } of closings) {
  test(`the sum of CI understands ${name}`, (t) => {
    t.deepEqual(countsIn(output), expected)
  })
}

test('library versions above what Node.js needs are found, by number and not by text', (t) => {
  const versions = ['GLIBC_2.4', 'GLIBC_2.28', 'GLIBC_2.34', 'GLIBCXX_3.4.9', 'GLIBCXX_3.4.30']

  t.deepEqual(newerThanNodeNeeds(versions), ['GLIBC_2.34', 'GLIBCXX_3.4.30'])
})

test('the library versions of a program are read from its ELF file', (t) => {
  if (process.platform !== 'linux') {
    t.pass('there are no ELF files on this platform')
    return
  }

  const { arch, versions } = readElf(process.execPath)

  t.is(arch, process.arch)
  t.true(versions.some((version) => version.startsWith('GLIBC_2.')))
})

test('release binaries have the names that prebuildify gives them', (t) => {
  const names = [
    { platform: 'linux', arch: 'arm64', abi: 'gnu' },
    { platform: 'linux', arch: 'x64', abi: 'musl' },
    { platform: 'darwin', arch: 'arm64', abi: null },
    { platform: 'win32', arch: 'x64', abi: 'msvc' },
  ].map(prebuildOf)

  t.deepEqual(names, [
    'prebuilds/linux-arm64/clustor.glibc.node',
    'prebuilds/linux-x64/clustor.musl.node',
    'prebuilds/darwin-arm64/clustor.node',
    'prebuilds/win32-x64/clustor.node',
  ])
})

test('a binary above 600 KiB is too large, and the complaint says how large', (t) => {
  const [complaint, ...others] = tooLarge([
    { file: 'fits.node', bytes: 614_400 },
    { file: 'fat.node', bytes: 614_401 },
  ])

  t.deepEqual(others, [])
  t.regex(complaint ?? '', /^fat\.node has 614401 bytes, 614400 are allowed/)
})
