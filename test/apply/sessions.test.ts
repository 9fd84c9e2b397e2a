import test from 'ava'

import { SessionTable } from '../../src/apply/sessions.js'
import type { Evaluation } from '../../src/apply/sessions.js'
import { asIndex } from '../../src/base/ids.js'

const limits = { sessionsMax: 3, answersMax: 4 }
const session = asIndex(1)

/** A table with one open session whose first `count` sequences ran; the result of sequence n is `rn`. */
function tableAfter(count: number): SessionTable {
  const table = new SessionTable()
  table.open(session, limits)
  for (let sequence = 1; sequence <= count; sequence++) run(table, { sequence })
  return table
}

function run(
  table: SessionTable,
  { sequence, acknowledged = 0, index = 100 + sequence }: RunOptions,
): Evaluation {
  const evaluation = table.evaluate(asIndex(index), {
    session,
    sequence,
    acknowledgedSequence: acknowledged,
  })
  if (evaluation.kind === 'apply') evaluation.answer.result = `r${sequence}`
  return evaluation
}

interface RunOptions {
  readonly sequence: number
  readonly acknowledged?: number
  readonly index?: number
}

const cases: {
  readonly name: string
  readonly ran: number
  readonly when: RunOptions
  readonly expected: object
}[] = [
  {
    name: 'the first sequence is 1',
    ran: 0,
    when: { sequence: 1 },
    expected: { kind: 'apply', answer: { index: asIndex(101), result: 'r1' } },
  },
  {
    name: 'the next sequence runs',
    ran: 2,
    when: { sequence: 3 },
    expected: { kind: 'apply', answer: { index: asIndex(103), result: 'r3' } },
  },
  {
    name: 'the newest sequence again is a duplicate with its result',
    ran: 2,
    when: { sequence: 2, index: 500 },
    expected: { kind: 'duplicate', answer: { index: asIndex(102), result: 'r2' } },
  },
  {
    name: 'an older sequence is a duplicate with its own result',
    ran: 3,
    when: { sequence: 1, index: 500 },
    expected: { kind: 'duplicate', answer: { index: asIndex(101), result: 'r1' } },
  },
  {
    name: 'an acknowledged sequence is a duplicate whose result is gone',
    ran: 3,
    when: { sequence: 2, acknowledged: 2, index: 500 },
    expected: { kind: 'duplicate', answer: { index: asIndex(500), result: undefined } },
  },
  {
    name: 'a sequence beyond the next one is a gap',
    ran: 2,
    when: { sequence: 4 },
    expected: { kind: 'gap', expectedSequence: 3 },
  },
  {
    name: 'a session that keeps all the answers it may runs nothing more',
    ran: 4,
    when: { sequence: 5 },
    expected: { kind: 'window-full' },
  },
  {
    name: 'acknowledging makes room for the proposal that carries the acknowledgement',
    ran: 4,
    when: { sequence: 5, acknowledged: 1 },
    expected: { kind: 'apply', answer: { index: asIndex(105), result: 'r5' } },
  },
  {
    name: 'acknowledging more than ever ran does not reach into the future',
    ran: 1,
    when: { sequence: 2, acknowledged: 99 },
    expected: { kind: 'apply', answer: { index: asIndex(102), result: 'r2' } },
  },
]

for (const { name, ran, when, expected } of cases) {
  test(`L06: ${name}`, (t) => {
    t.deepEqual(run(tableAfter(ran), when), expected as Evaluation)
  })
}

test('L06: a retry in the same batch shares the answer that is not known yet', (t) => {
  const table = tableAfter(0)
  const stamp = { session, sequence: 1, acknowledgedSequence: 0 }

  const first = table.evaluate(asIndex(101), stamp)
  const second = table.evaluate(asIndex(102), stamp)

  const answers = [first, second].map((one) => ('answer' in one ? one.answer : null))
  t.deepEqual([first.kind, second.kind], ['apply', 'duplicate'])
  t.is(answers[0], answers[1])
})

test('L07: at capacity the least recently used session expires, explicitly', (t) => {
  const table = new SessionTable()
  for (const index of [1, 2, 3]) table.open(asIndex(index), limits)
  for (const id of [1, 3]) {
    table.evaluate(asIndex(id + 10), {
      session: asIndex(id),
      sequence: 1,
      acknowledgedSequence: 0,
    })
  }

  table.open(asIndex(20), limits)

  const of = (id: number): string =>
    table.evaluate(asIndex(30 + id), {
      session: asIndex(id),
      sequence: 1,
      acknowledgedSequence: 0,
    }).kind
  t.is(table.count, 3)
  t.deepEqual([of(1), of(2), of(3), of(20)], ['duplicate', 'expired', 'duplicate', 'apply'])
})

test('L07: a closed session and one that never was are expired', (t) => {
  const table = tableAfter(1)

  table.close(session)
  table.close(asIndex(77))

  t.is(run(table, { sequence: 2 }).kind, 'expired')
  t.is(table.count, 0)
})

test('the limits of the entry that opens a session decide, so that replicas never differ', (t) => {
  const table = new SessionTable()
  for (const index of [1, 2, 3]) table.open(asIndex(index), limits)

  table.open(asIndex(4), { sessionsMax: 1, answersMax: 1 })

  t.is(table.count, 1)
})

test('L06: a table rebuilt from its records decides as before', (t) => {
  const table = tableAfter(3)
  run(table, { sequence: 3, acknowledged: 1 })

  const rebuilt = SessionTable.restore(table.records())

  t.deepEqual(rebuilt.records(), table.records())
  t.deepEqual(run(rebuilt, { sequence: 2 }), {
    kind: 'duplicate',
    answer: { index: asIndex(102), result: 'r2' },
  })
  t.deepEqual(run(rebuilt, { sequence: 5 }), { kind: 'gap', expectedSequence: 4 })
  t.is(run(rebuilt, { sequence: 4 }).kind, 'apply')
})

test('answers of a long session are let go as they are acknowledged', (t) => {
  const table = tableAfter(0)

  for (let sequence = 1; sequence <= 1_000; sequence++) {
    t.is(run(table, { sequence, acknowledged: sequence - 1 }).kind, 'apply')
  }

  t.deepEqual(
    table.records().map(({ answers }) => answers.length),
    [1],
  )
  t.deepEqual(run(table, { sequence: 1_000 }), {
    kind: 'duplicate',
    answer: { index: asIndex(1_100), result: 'r1000' },
  })
})
