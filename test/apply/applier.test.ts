import test from 'ava'

import { Applier } from '../../src/apply/applier.js'
import type { EntryBatch, Settle } from '../../src/apply/applier.js'
import { encodeCommand, encodeSessionCommand } from '../../src/apply/command.js'
import type { SessionStamp } from '../../src/apply/command.js'
import type { CommittedBatch, StateMachine } from '../../src/apply/state-machine.js'
import { InvariantError } from '../../src/base/invariant.js'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { EntryKind } from '../../src/raft/entry-range.js'

interface Entry {
  readonly kind: EntryKind
  readonly bytes: Uint8Array
}

const put = (text: string, stamp: SessionStamp | null = null): Entry => ({
  kind: entryKinds.normal,
  bytes: encodeCommand(Buffer.from(text), stamp),
})
const noop: Entry = { kind: entryKinds.noop, bytes: new Uint8Array(0) }
const open: Entry = {
  kind: entryKinds.session,
  bytes: encodeSessionCommand({
    kind: 'open-session',
    limits: { sessionsMax: 10, answersMax: 10 },
  }),
}
const stamped = (sequence: number, session = 1): SessionStamp => ({
  session: asIndex(session),
  sequence,
  acknowledgedSequence: 0,
})

function batchOf(firstIndex: number, ...entries: readonly Entry[]): EntryBatch {
  return {
    range: {
      firstIndex: asIndex(firstIndex),
      lastIndex: asIndex(firstIndex + entries.length - 1),
      runs: entries.map(({ kind }) => ({ term: asTerm(7), kind, count: 1 })),
      byteLengths: Uint32Array.from(entries, ({ bytes }) => bytes.length + 33),
    },
    payload: (position) => entries[position]?.bytes ?? new Uint8Array(0),
  }
}

/** Answers an entry with its index and text, at once or later. */
class EchoMachine implements StateMachine {
  readonly texts: string[] = []
  readonly #later: boolean

  constructor(mode: 'at-once' | 'later' = 'at-once') {
    this.#later = mode === 'later'
  }

  apply(batch: CommittedBatch): readonly unknown[] | Promise<readonly unknown[]> {
    const results = batch.map(({ index, payload }) => {
      const text = Buffer.from(payload).toString()
      this.texts.push(text)
      return `${index}:${text}`
    })
    return this.#later ? Promise.resolve(results) : results
  }
}

function recorder(): { readonly settle: Settle; readonly settled: unknown[] } {
  const settled: unknown[] = []
  const settle: Settle = (index, _term, answer, refusal) => {
    settled.push([index, refusal?.code ?? answer?.result])
  }
  return { settle, settled }
}

const fresh = (machine: StateMachine): Applier => new Applier(machine, { appliedIndex: asIndex(0) })

for (const mode of ['at-once', 'later'] as const) {
  test(`entries reach the machine in order and answers their proposers (${mode})`, async (t) => {
    const machine = new EchoMachine(mode)
    const applier = fresh(machine)
    const { settle, settled } = recorder()

    await applier.apply(batchOf(1, noop, put('a'), put('b')), settle)

    t.deepEqual(machine.texts, ['a', 'b'])
    t.deepEqual(settled, [
      [1, undefined],
      [2, '2:a'],
      [3, '3:b'],
    ])
    t.is(applier.appliedIndex, asIndex(3))
  })
}

test('L06: a retry is applied once and answered twice, within a batch and across batches', async (t) => {
  const machine = new EchoMachine()
  const applier = fresh(machine)
  const { settle, settled } = recorder()

  await applier.apply(batchOf(1, open, put('a', stamped(1)), put('a', stamped(1))), settle)
  await applier.apply(batchOf(4, put('a', stamped(1)), put('b', stamped(2))), settle)

  t.deepEqual(machine.texts, ['a', 'b'])
  t.deepEqual(settled.slice(1), [
    [2, '2:a'],
    [3, '2:a'],
    [4, '2:a'],
    [5, '5:b'],
  ])
  t.deepEqual(
    [2, 3, 4, 5].map((index) => applier.skipped.has(asIndex(index))),
    [false, true, true, false],
  )
})

test('a gap and an expired session are refused and not applied', async (t) => {
  const machine = new EchoMachine()
  const applier = fresh(machine)
  const { settle, settled } = recorder()

  await applier.apply(batchOf(1, open, put('c', stamped(3)), put('x', stamped(1, 99))), settle)

  t.deepEqual(machine.texts, [])
  t.deepEqual(settled.slice(1), [
    [2, 'ERR_SESSION_GAP'],
    [3, 'ERR_SESSION_EXPIRED'],
  ])
  t.is(applier.appliedIndex, asIndex(3))
})

const faults: { readonly name: string; readonly apply: () => unknown }[] = [
  {
    name: 'throws',
    apply: () => {
      throw new Error('no')
    },
  },
  { name: 'rejects', apply: () => Promise.reject(new Error('no')) },
  { name: 'returns too few results', apply: () => [] },
  { name: 'resolves to too many results', apply: () => Promise.resolve([1, 2]) },
  { name: 'returns nothing', apply: () => undefined },
]

for (const { name, apply } of faults) {
  test(`a machine that ${name} is an apply fault, and nothing counts as applied`, async (t) => {
    const applier = fresh({ apply } as unknown as StateMachine)
    const { settle, settled } = recorder()

    const error = await t.throwsAsync(async () => applier.apply(batchOf(1, put('a')), settle))

    t.like(error, { code: 'ERR_APPLY_FAULT', outcome: 'unknown' })
    t.is(applier.appliedIndex, asIndex(0))
    t.deepEqual(settled, [])
  })
}

test('a command of a newer version is neither applied nor skipped', (t) => {
  const applier = fresh(new EchoMachine())
  const newer: Entry = { kind: entryKinds.normal, bytes: Uint8Array.of(9, 0) }

  t.throws(() => applier.apply(batchOf(1, newer), null), { code: 'ERR_FORMAT_NEWER' })
  t.is(applier.appliedIndex, asIndex(0))
})

test('entries must follow the applied ones (P5)', (t) => {
  const applier = fresh(new EchoMachine())

  t.throws(() => applier.apply(batchOf(2, put('a')), null), { instanceOf: InvariantError })
})

test('no batch comes while one is being applied (P5)', async (t) => {
  const applier = fresh(new EchoMachine('later'))
  const first = applier.apply(batchOf(1, put('a')), null)

  t.throws(() => applier.apply(batchOf(2, put('b')), null), { instanceOf: InvariantError })
  await first
})
