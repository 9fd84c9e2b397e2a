import test from 'ava'
import { ClustorError } from '../../src/base/errors.js'
import { environmentName, flagName } from '../../src/config/option-names.js'
import { optionNames, optionTable } from '../../src/config/options.js'
import type { OptionRow } from '../../src/config/option-rows.js'
import { readOption, resolveGroup, resolveOptions } from '../../src/config/resolve.js'

const layer = (values: Record<string, unknown>, source = 'node.toml') => ({ source, values })

function refusalOf(run: () => unknown): ClustorError {
  try {
    run()
  } catch (error) {
    if (error instanceof ClustorError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('without layers every option has the default of its row', (t) => {
  const options = resolveOptions([])

  for (const name of optionNames) t.is(options[name], optionTable[name].default, name)
})

test('every default lies within its own bounds', (t) => {
  for (const name of optionNames) {
    t.is(readOption(name, optionTable[name].default, 'the table'), optionTable[name].default, name)
  }
})

test('every number option accepts its bounds and refuses what lies beyond them', (t) => {
  for (const name of optionNames) {
    const row: OptionRow = optionTable[name]
    if (row.kind === 'choice' || row.kind === 'switch') continue

    t.is(readOption(name, row.min, 'here'), row.min, name)
    t.is(readOption(name, row.max, 'here'), row.max, name)
    t.is(refusalOf(() => readOption(name, row.min - 1, 'here')).code, 'ERR_INVALID_ARGUMENT', name)
    t.is(refusalOf(() => readOption(name, row.max + 1, 'here')).code, 'ERR_INVALID_ARGUMENT', name)
  }
})

test('every option has a sentence of documentation and names that nobody else has', (t) => {
  const names = optionNames.flatMap((name) => [environmentName(name), flagName(name)])

  t.is(new Set(names).size, names.length)
  for (const name of optionNames) t.regex(optionTable[name].doc, /^[A-Za-z].*\.$/, name)
})

test('names of flags and variables derive from the option name', (t) => {
  t.is(environmentName('electionTimeoutMsMin'), 'CLUSTOR_ELECTION_TIMEOUT_MS_MIN')
  t.is(flagName('electionTimeoutMsMin'), '--election-timeout-ms-min')
})

test('a later layer wins over an earlier one', (t) => {
  const options = resolveOptions([
    layer({ segmentBytes: '1MiB', tickMs: 20 }),
    layer({ segmentBytes: '2MiB' }, 'CLUSTOR_SEGMENT_BYTES'),
  ])

  t.is(options.segmentBytes, 2 * 1024 * 1024)
  t.is(options.tickMs, 20)
})

const refusals = [
  {
    given: { segmentByte: 1 },
    message: /unknown option segmentByte in node\.toml; did you mean segmentBytes\?/,
  },
  { given: { zebra: 1 }, message: /unknown option zebra in node\.toml$/ },
  {
    given: { segmentBytes: 1 },
    message: /segmentBytes in node\.toml is 1; it must be 64 KiB to 2 GiB/,
  },
  {
    given: { segmentBytes: '64 MiX' },
    message: /is "64 MiX"; it must be a whole number of bytes, or with a unit/,
  },
  {
    given: { heartbeatMs: 'soon' },
    message: /is "soon"; it must be a whole number of milliseconds/,
  },
  { given: { heartbeatMs: 1.5 }, message: /is 1\.5; it must be a whole number/ },
  { given: { durability: 'paranoid' }, message: /is "paranoid"; it must be one of strict, group/ },
  { given: { preVote: 'maybe' }, message: /is "maybe"; it must be true or false/ },
  { given: { blockAlignmentBytes: 700 }, message: /512 B to 4 KiB, a power of two/ },
  {
    given: { heartbeatMs: '1s' },
    message: /heartbeatMs \(1 s\) exceeds electionTimeoutMsMin \(150 ms\)/,
  },
  { given: { leaseMs: 80 }, message: /leaseMs \(80 ms\) .*must stay below electionTimeoutMsMin/ },
  { given: { leaseMs: 70, leaseDriftMs: 20 }, message: /leaseDriftMs \(20 ms\)/ },
  { given: { leaseMs: 50, quiesceMs: 1000 }, message: /leaseMs and quiesceMs exclude each other/ },
  { given: { leaseMs: 50, checkQuorum: false }, message: /needs checkQuorum/ },
  {
    given: { promotionLagEntriesMax: 10, checkQuorum: false },
    message: /promotionLagEntriesMax needs checkQuorum/,
  },
  { given: { electionTimeoutMsMin: 900 }, message: /exceeds electionTimeoutMsMax \(300 ms\)/ },
]

for (const { given, message } of refusals) {
  test(`${JSON.stringify(given)} is refused by name, value and bounds`, (t) => {
    const error = refusalOf(() => resolveOptions([layer(given)]))

    t.is(error.code, 'ERR_INVALID_ARGUMENT')
    t.regex(error.message, message)
  })
}

test('a refusal carries option, value and source as fields', (t) => {
  const error = refusalOf(() => resolveOptions([layer({ tickMs: 0 }, 'CLUSTOR_TICK_MS')]))

  t.like(error.fields, { option: 'tickMs', value: 0, source: 'CLUSTOR_TICK_MS' })
})

test('a small segment lowers the payload limits that nobody set', (t) => {
  const options = resolveOptions([layer({ segmentBytes: '1MiB' })])

  t.is(options.payloadBytesMax, 1024 * 1024)
  t.is(options.proposalBytesMax, 1024 * 1024)
})

test('a payload limit that was set and does not fit the segment is refused', (t) => {
  const error = refusalOf(() =>
    resolveOptions([layer({ segmentBytes: '1MiB', payloadBytesMax: '2MiB' })]),
  )

  t.regex(error.message, /payloadBytesMax \(2 MiB\) exceeds segmentBytes \(1 MiB\)/)
})

test('a group holds its own options and refuses those of other rooms', (t) => {
  const log = resolveGroup(['log'], [layer({ durability: 'group' }, 'DurableLog.open')])

  t.is(log.durability, 'group')
  t.false('tickMs' in log)
  t.regex(
    refusalOf(() => resolveGroup(['log'], [layer({ tickMs: 10 }, 'DurableLog.open')])).message,
    /unknown option tickMs in DurableLog\.open/,
  )
})

test('the longest lease that leaves room for a heartbeat, drift and an answer is taken', (t) => {
  t.is(resolveOptions([layer({ leaseMs: 70 })]).leaseMs, 70)
})

test('a profile changes defaults, and whatever is given wins over it, in every layer', (t) => {
  const wan = resolveOptions([
    layer({ electionTimeoutMsMax: 900 }, 'node.toml'),
    layer({ profile: 'wan' }, 'flags'),
  ])

  t.like(wan, { profile: 'wan', electionTimeoutMsMin: 300, electionTimeoutMsMax: 900 })
  t.is(resolveOptions([layer({ profile: 'throughput' })]).durability, 'group')
  t.is(resolveOptions([]).electionTimeoutMsMin, 150)
})

test('the last layer that names a profile decides', (t) => {
  const options = resolveOptions([
    layer({ profile: 'wan' }, 'node.toml'),
    layer({ profile: 'latency' }, 'flags'),
  ])

  t.like(options, { profile: 'latency', electionTimeoutMsMin: 150 })
})

test('an unknown profile is refused', (t) => {
  const error = refusalOf(() => resolveOptions([layer({ profile: 'lan' })]))

  t.regex(error.message, /profile in .* is "lan"; it must be one of latency, throughput, wan/)
})
