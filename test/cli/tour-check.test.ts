import test from 'ava'
import type { AcknowledgedLine } from '../../src/cli/loader.js'
import type { HeldRow, NodeCheck } from '../../src/cli/tour-check.js'
import { describeCheck, isComplete, judgeNode } from '../../src/cli/tour-check.js'

const keys = ['tour/1', 'tour/2', 'tour/3']

const acknowledged: AcknowledgedLine[] = keys.map((key, position) => ({
  key,
  lineNumber: position + 1,
  value: Buffer.from(`line ${position}`),
  version: 10 + position,
}))

const heldRows = (): Map<string, HeldRow> =>
  new Map(acknowledged.map(({ key, value, version }) => [key, { value, version }]))

function judge(change: (held: Map<string, HeldRow>) => void, applied = keys): NodeCheck {
  const held = heldRows()
  change(held)
  return judgeNode('n1', held, applied, acknowledged)
}

test('a node with every line once and in order is complete', (t) => {
  const check = judge(() => undefined)

  t.true(isComplete(check))
  t.is(describeCheck(check), 'n1: 3 lines, each once, in order')
})

test('a line that is missing is lost', (t) => {
  t.deepEqual(judge((held) => held.delete('tour/2')).lost, ['tour/2'])
})

test('a line with other bytes is lost', (t) => {
  const check = judge((held) => held.set('tour/2', { value: Buffer.from('x'), version: 11 }))

  t.deepEqual(check.lost, ['tour/2'])
})

test('a line at another log index than the acknowledged one is lost', (t) => {
  const check = judge((held) => held.set('tour/3', { value: Buffer.from('line 2'), version: 13 }))

  t.deepEqual(check.lost, ['tour/3'])
})

test('a line that is in the state but was never applied is lost', (t) => {
  t.deepEqual(judge(() => undefined, ['tour/1', 'tour/3']).lost, ['tour/2'])
})

test('a line that was applied twice is doubled', (t) => {
  const check = judge(() => undefined, ['tour/1', 'tour/2', 'tour/2', 'tour/3'])

  t.deepEqual(check.doubled, ['tour/2'])
  t.false(isComplete(check))
})

test('a line that was applied after a later one is moved', (t) => {
  const check = judge(() => undefined, ['tour/1', 'tour/3', 'tour/2'])

  t.deepEqual(check.moved, ['tour/2'])
  t.is(describeCheck(check), 'n1: 3 of 3 lines; 1 out of order: tour/2')
})
