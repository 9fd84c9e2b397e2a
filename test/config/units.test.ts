import test from 'ava'
import {
  formatBytes,
  formatDuration,
  parseBytes,
  parseCount,
  parseDuration,
} from '../../src/config/units.js'

const sizes = [
  { text: '4096', bytes: 4096 },
  { text: '64MiB', bytes: 64 * 1024 * 1024 },
  { text: '64 MiB', bytes: 64 * 1024 * 1024 },
  { text: '0.5KiB', bytes: 512 },
  { text: '1MB', bytes: 1_000_000 },
  { text: '1_024', bytes: 1024 },
  { text: '0.3', bytes: null },
  { text: '-1', bytes: null },
  { text: 'MiB', bytes: null },
  { text: '12 parsecs', bytes: null },
  { text: '', bytes: null },
  { text: '99999999999999999999', bytes: null },
]

for (const { text, bytes } of sizes) {
  test(`the size "${text}" reads as ${bytes}`, (t) => {
    t.is(parseBytes(text), bytes)
  })
}

const durations = [
  { text: '150', ms: 150 },
  { text: '150ms', ms: 150 },
  { text: '1.5s', ms: 1500 },
  { text: '2 min', ms: 120_000 },
  { text: '1h', ms: 3_600_000 },
  { text: '1MiB', ms: null },
]

for (const { text, ms } of durations) {
  test(`the duration "${text}" reads as ${ms}`, (t) => {
    t.is(parseDuration(text), ms)
  })
}

test('a count takes no unit', (t) => {
  t.is(parseCount('16_384'), 16_384)
  t.is(parseCount('16KiB'), null)
})

test('what is formatted reads back as the same number', (t) => {
  for (const value of [0, 1, 512, 1024, 1536, 4096, 64 * 1024 * 1024, 1_000_000]) {
    t.is(parseBytes(formatBytes(value)), value)
    t.is(parseDuration(formatDuration(value)), value)
  }
})
