import test from 'ava'

import { checkLinearizability } from './checkers/linearizability.js'
import type { Operation } from './history.js'

const base = { client: 'c', key: 'k', value: null, expected: null, result: null } as const

const put = (
  value: string,
  callNs: number,
  returnNs: number,
  versions: [number, number],
): Operation => ({
  ...base,
  ...{ op: 'put', value, callNs, returnNs, outcome: 'ok' },
  result: { done: true, previousVersion: versions[0], version: versions[1] },
})

const get = (
  value: string | null,
  version: number,
  callNs: number,
  returnNs: number,
): Operation => ({
  ...base,
  ...{ op: 'get', callNs, returnNs, outcome: 'ok', result: { value, version } },
})

const lost = (
  op: 'put' | 'cas',
  value: string,
  callNs: number,
  expected: number | null,
): Operation => ({
  ...base,
  ...{ op, value, expected, callNs, returnNs: callNs + 1, outcome: 'unknown' },
})

const verdict = (...history: Operation[]): string => checkLinearizability(history).kind

test('a read that overlaps a write may see the state before or after it', (t) => {
  const write = put('x', 0, 10, [0, 1])

  t.is(verdict(write, get(null, 0, 5, 8)), 'linearizable')
  t.is(verdict(write, get('x', 1, 5, 8)), 'linearizable')
})

test('a read after the answer of a write must see it', (t) => {
  t.is(verdict(put('x', 0, 10, [0, 1]), get(null, 0, 11, 12)), 'violation')
})

test('two reads that follow each other do not see a write and then its absence', (t) => {
  const write = put('x', 0, 100, [0, 1])

  t.is(verdict(write, get('x', 1, 10, 20), get(null, 0, 30, 40)), 'violation')
  t.is(verdict(write, get(null, 0, 10, 20), get('x', 1, 30, 40)), 'linearizable')
})

test('a write of unknown outcome takes effect at any later time, once, or never', (t) => {
  const write = lost('put', 'x', 0, null)

  t.is(verdict(write, get(null, 0, 10, 20)), 'linearizable')
  t.is(verdict(write, get(null, 0, 10, 20), get('x', 7, 30, 40)), 'linearizable')
  t.is(verdict(write, get('x', 7, 10, 20), get(null, 0, 30, 40)), 'violation')
  const between = put('y', 30, 40, [7, 9])
  t.is(verdict(write, get('x', 7, 10, 20), between, get('x', 11, 50, 60)), 'violation')
})

test('a write that failed has no effect', (t) => {
  const failed: Operation = { ...lost('put', 'x', 0, null), outcome: 'fail' }

  t.is(verdict(failed, get('x', 1, 10, 20)), 'violation')
})

test('a cas takes effect exactly when the version is the expected one', (t) => {
  const cas = (expected: number, done: boolean, version: number): Operation => ({
    ...base,
    ...{ op: 'cas', value: 'y', expected, callNs: 20, returnNs: 30, outcome: 'ok' },
    result: { done, previousVersion: 1, version },
  })
  const write = put('x', 0, 10, [0, 1])

  t.is(verdict(write, cas(1, true, 2), get('y', 2, 40, 50)), 'linearizable')
  t.is(verdict(write, cas(5, false, 1), get('x', 1, 40, 50)), 'linearizable')
  t.is(verdict(write, cas(5, true, 2)), 'violation')
  t.is(verdict(write, cas(1, false, 1)), 'violation')
  t.is(verdict(write, lost('cas', 'y', 20, 5), get('y', 2, 40, 50)), 'violation')
})

test('keys do not influence each other', (t) => {
  const other: Operation = { ...get(null, 0, 11, 12), key: 'other' }

  t.is(verdict(put('x', 0, 10, [0, 1]), other), 'linearizable')
})
