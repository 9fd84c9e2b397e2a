import test from 'ava'
import type { ErrorCode } from '../../src/base/errors.js'
import { errorCodes } from '../../src/base/errors.js'
import { missingFrom, readProjectFile } from './project.js'

const codes = Object.keys(errorCodes) as ErrorCode[]

interface DocumentedCode {
  readonly code: string
  readonly retryable: boolean
  readonly meaning: string
  readonly remedy: string
}

/** Rows `| `ERR_X` | yes | meaning | remedy |` of docs/errors.md. */
function documentedCodes(): DocumentedCode[] {
  return [...readProjectFile('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \|(.*)\|$/gm)].map(
    ([, code = '', cells = '']) => {
      const [retryable = '', meaning = '', remedy = ''] = cells
        .split('|')
        .map((cell) => cell.trim())
      return { code, retryable: retryable === 'yes', meaning, remedy }
    },
  )
}

/** The codes of one commented group of the table in src/base/errors.ts. */
function codesOfGroup(title: string): string[] {
  const [, rest = ''] = readProjectFile('src/base/errors.ts').split(`  // ${title}\n`)
  const [group = ''] = rest.split(/^ {2}\/\/|^\}/m)
  return [...group.matchAll(/^ {2}(ERR_\w+):/gm)].map(([, code = '']) => code)
}

function nativeCodes(): string[] {
  const rows = readProjectFile('native/base/status_codes.def').matchAll(
    /^STATUS_CODE\(k\w+, "(ERR_\w+)"\)/gm,
  )
  return [...rows].map(([, code = '']) => code)
}

test('every error code is documented with a remedy, and nothing else is', (t) => {
  const documented = documentedCodes()
  const names = documented.map((row) => row.code)

  t.deepEqual(missingFrom(codes, names), [], 'codes without a row in docs/errors.md')
  t.deepEqual(missingFrom(names, codes), [], 'rows of docs/errors.md without a code')
  t.is(new Set(names).size, names.length, 'a code has two rows')
  t.deepEqual(
    documented.filter((row) => row.remedy.length < 10).map((row) => row.code),
    [],
    'codes without a remedy',
  )
})

test('docs/errors.md says of every code what the table says', (t) => {
  const wrong = documentedCodes().filter((row) => {
    const known = Object.entries(errorCodes).find(([code]) => code === row.code)?.[1]
    return known?.retryable !== row.retryable || known.meaning !== row.meaning
  })

  t.deepEqual(wrong, [])
})

test('the native status codes are the codes of the table that C++ can return', (t) => {
  const native = nativeCodes()
  const onlyInJavaScript = ['ERR_NATIVE_UNAVAILABLE']

  t.deepEqual(missingFrom(native, codes), [], 'native codes that errors.ts lacks')
  t.deepEqual(
    missingFrom(codesOfGroup('Log and disk'), [...native, ...onlyInJavaScript]),
    [],
    'log codes that native/base/status_codes.def lacks',
  )
})
