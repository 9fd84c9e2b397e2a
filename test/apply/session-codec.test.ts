import test from 'ava'
import { asIndex } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { decodeSessions, encodeSessions } from '../../src/apply/session-codec.js'
import { SessionTable } from '../../src/apply/sessions.js'

/** A table after some proposals in sessions 1 and 2; `steps` says where it was last rebuilt from bytes. */
function tableAfter(proposals: number, rebuildAt = -1): SessionTable {
  let table = new SessionTable()
  for (const session of [1, 2]) table.open(asIndex(session), { sessionsMax: 9, answersMax: 4 })
  for (let at = 0; at < proposals; at++) {
    if (at === rebuildAt)
      table = SessionTable.restore(decodeSessions(encodeSessions(table.records())))
    propose(table, at)
  }
  return table
}

function propose(table: SessionTable, at: number): void {
  const sequence = Math.floor(at / 2) + 1
  const acknowledgedSequence = Math.max(0, sequence - 3)
  const stamp = { session: asIndex(1 + (at % 2)), sequence, acknowledgedSequence }
  const evaluation = table.evaluate(asIndex(10 + at), stamp)
  if (evaluation.kind !== 'apply') throw new Error(evaluation.kind)
  evaluation.answer.result = at % 3 === 0 ? undefined : Buffer.from(`r${at}`)
}

const hex = (table: SessionTable): string =>
  Buffer.from(encodeSessions(table.records())).toString('hex')

test('S13: sessions that went through a snapshot go on as if there had been none', (t) => {
  for (let rebuildAt = 0; rebuildAt < 20; rebuildAt++) {
    t.is(hex(tableAfter(20, rebuildAt)), hex(tableAfter(20)))
  }
})

test('S13: a retry behind a snapshot is answered as before, and an expired session says so', (t) => {
  const table = tableAfter(4, 3)
  const stamp = { session: asIndex(2), sequence: 1, acknowledgedSequence: 0 }

  const retried = table.evaluate(asIndex(99), stamp)
  const unknown = table.evaluate(asIndex(99), { ...stamp, session: asIndex(7) })

  t.deepEqual(retried, {
    kind: 'duplicate',
    answer: { index: asIndex(11), result: Uint8Array.from(Buffer.from('r1')) },
  })
  t.deepEqual(unknown, { kind: 'expired' })
})

test('the bytes are those of the layout', (t) => {
  const table = tableAfter(2)
  table.close(asIndex(1))

  t.is(
    hex(table),
    '01' +
      '01000000' +
      '0200000000000000' +
      '04000000' +
      '0b00000000000000' +
      '0100000000000000' +
      '01000000' +
      '0b00000000000000' +
      '01' +
      '02000000' +
      '7231',
  )
})

test('a result that is not bytes is refused by name', (t) => {
  const answers = [{ index: asIndex(5), result: { a: 1 } }]
  const record = { session: asIndex(1), answersMax: 1, lastUsedIndex: asIndex(5), lastSequence: 1 }

  const error = t.throws(() => encodeSessions([{ ...record, answers }]))

  t.like(error, { code: 'ERR_INVALID_ARGUMENT', fields: { index: 5 } })
})

test('damaged bytes are refused with a code, or are another table', (t) => {
  const random = new SeededRandom(1)
  const bytes = encodeSessions(tableAfter(8).records())
  for (let round = 0; round < 3000; round++) {
    const damaged = Uint8Array.from(bytes.subarray(0, integerBetween(random, 0, bytes.length)))
    damaged[integerBetween(random, 0, bytes.length)] = integerBetween(random, 0, 255)
    try {
      decodeSessions(damaged)
    } catch (error) {
      t.regex(String((error as { code?: string }).code), /^ERR_(PROTOCOL|FORMAT_NEWER)$/)
    }
  }
  t.throws(() => decodeSessions(bytes.subarray(0, -1)), { message: /ends early/ })
})
