import test from 'ava'

import { ClustorError } from '../../src/base/errors.js'
import { InvariantError } from '../../src/base/invariant.js'
import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { Message, MessageKind } from '../../src/raft/messages.js'
import type { Ready } from '../../src/raft/ready.js'
import { ReadyExecutor } from '../../src/replica/ready-executor.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'
import { MemoryLog } from '../support/memory-log.js'

const self = asReplica(1)
const voteGiven = { rejected: false, commitIndex: asIndex(0), commitTerm: asTerm(0) }
const envelope = { from: self, to: asReplica(2), term: asTerm(3) }
const nextTerm = asTerm(4)
const log = { lastIndex: asIndex(4), lastTerm: asTerm(2) }
const prev = { prevIndex: asIndex(4), prevTerm: asTerm(2), commitIndex: asIndex(4) }
const hint = { rejectHintIndex: asIndex(0), rejectHintTerm: asTerm(0) }

/** One message of every kind; the compiler asks for new ones. */
const messages: { readonly [Kind in MessageKind]: Extract<Message, { kind: Kind }> } = {
  'pre-vote': { kind: 'pre-vote', ...envelope, ...log },
  'pre-vote-response': { kind: 'pre-vote-response', ...envelope, ...voteGiven },
  'request-vote': { kind: 'request-vote', ...envelope, ...log },
  'request-vote-response': { kind: 'request-vote-response', ...envelope, ...voteGiven },
  'append-entries': { kind: 'append-entries', ...envelope, ...prev, entries: null },
  'append-entries-response': {
    kind: 'append-entries-response',
    ...envelope,
    index: asIndex(0),
    rejected: false,
    ...hint,
  },
  heartbeat: { kind: 'heartbeat', ...envelope, commitIndex: asIndex(4), context: 0, sentTicks: 9 },
  'heartbeat-response': { kind: 'heartbeat-response', ...envelope, context: 0, sentTicks: 9 },
  'install-snapshot': {
    kind: 'install-snapshot',
    ...envelope,
    snapshot: {
      index: asIndex(4),
      term: asTerm(2),
      configuration: {
        incoming: [self],
        outgoing: [],
        learners: [],
        learnersNext: [],
        autoLeave: false,
      },
    },
  },
  'timeout-now': { kind: 'timeout-now', ...envelope },
  'read-index': { kind: 'read-index', ...envelope, context: 1 },
  'read-index-response': {
    kind: 'read-index-response',
    ...envelope,
    context: 1,
    index: asIndex(4),
  },
}
const kinds = Object.keys(messages) as MessageKind[]

class Bench {
  readonly log = new MemoryLog()
  /** Everything that happened, in order. */
  readonly events: string[] = []
  readonly executor = new ReadyExecutor(self, this.log, {
    send: ({ kind }) => this.events.push(`send ${kind}`),
    stepSelf: ({ kind }) => this.events.push(`step ${kind}`),
    acknowledge: ({ writeNumber }) => this.events.push(`durable ${writeNumber}`),
    diskFull: ({ code }) => this.events.push(`full ${code}`),
    diskResumed: () => this.events.push('resumed'),
    failed: (error) => this.events.push(`failed ${(error as ClustorError).code}`),
  })
  #lastIndex = 0
  #writeCount = 0

  /** Term 3 is durable, and nothing else. */
  constructor() {
    this.executeVote(3)
    this.log.flush()
    this.events.length = 0
    this.#writeCount = 0
  }

  execute(ready: Partial<Ready>, frames?: FrameBatch): void {
    this.executor.execute(readyWith(ready), frames)
  }

  /** A Ready with one entry. */
  executeEntry(ready: Partial<Ready> = {}): void {
    this.#lastIndex += 1
    const frames = this.log.encode(asTerm(3), asIndex(this.#lastIndex), entryKinds.normal, [
      Buffer.from('payload'),
    ])
    this.execute({ ...ready, ...this.#acknowledged(), entries: frames.range }, frames)
  }

  executeVote(term: number, ready: Partial<Ready> = {}): void {
    const hardState = { term: asTerm(term), vote: self, commitIndex: asIndex(0) }
    this.execute({ ...ready, ...this.#acknowledged(), hardState })
  }

  #acknowledged(): Pick<Ready, 'acknowledgement' | 'mustSync'> {
    this.#writeCount += 1
    const writeNumber = this.#writeCount
    return {
      mustSync: true,
      acknowledgement: { writeNumber, durableIndex: asIndex(this.#lastIndex), term: asTerm(3) },
    }
  }
}

const readyWith = (ready: Partial<Ready>): Ready => ({
  messages: [],
  messagesAfterPersist: [],
  readStates: [],
  droppedReads: [],
  mustSync: false,
  ...ready,
})

const diskFull = new ClustorError('ERR_DISK_FULL', 'no space')

for (const kind of kinds) {
  const message = messages[kind]

  test(`E01: ${kind} does not leave before the term and vote of its Ready are durable (P1)`, (t) => {
    const bench = new Bench()

    bench.executeVote(4, { messages: [{ ...message, term: nextTerm }] })
    t.deepEqual(bench.events, [])

    bench.log.flush()
    t.deepEqual(bench.events, ['durable 1', `send ${kind}`])
  })

  test(`E01: ${kind} waits for a term that an earlier Ready sent to the disk (P1)`, (t) => {
    const bench = new Bench()

    bench.executeVote(4)
    bench.execute({ messages: [{ ...message, term: nextTerm }] })
    t.deepEqual(bench.events, [])

    bench.log.flush()
    t.deepEqual(bench.events, ['durable 1', `send ${kind}`])
  })

  test(`${kind} leaves at once while only entries are on their way to the disk`, (t) => {
    const bench = new Bench()

    bench.executeEntry({ messages: [message] })

    t.deepEqual(bench.events, [`send ${kind}`])
  })

  test(`${kind} that promises durability waits for the entries of its Ready (P2)`, (t) => {
    const bench = new Bench()

    bench.executeEntry({ messagesAfterPersist: [message] })
    t.deepEqual(bench.events, [])

    bench.log.flush()
    t.deepEqual(bench.events, ['durable 1', `send ${kind}`])
  })

  test(`${kind} that promises durability waits for the entries of earlier Readies (P2)`, (t) => {
    const bench = new Bench()

    bench.executeEntry()
    bench.executeEntry()
    bench.execute({ messagesAfterPersist: [message] })
    bench.log.flush(1)
    t.deepEqual(bench.events, ['durable 1'])

    bench.log.flush(1)
    t.deepEqual(bench.events, ['durable 1', 'durable 2', `send ${kind}`])
  })

  test(`${kind} to the replica itself goes back into the core, not onto the network`, (t) => {
    const bench = new Bench()

    bench.executeVote(4, { messagesAfterPersist: [{ ...message, to: self }] })
    bench.log.flush()

    t.deepEqual(bench.events, ['durable 1', `step ${kind}`])
  })
}

test('messages leave at once when nothing is on its way to the disk', (t) => {
  const bench = new Bench()

  bench.execute({
    messages: [messages.heartbeat],
    messagesAfterPersist: [messages['append-entries-response']],
  })

  t.deepEqual(bench.events, ['send heartbeat', 'send append-entries-response'])
})

test('E02: term, truncation and entries of a Ready are one write (P1)', (t) => {
  const bench = new Bench()

  bench.executeEntry({
    hardState: { term: nextTerm, vote: self, commitIndex: asIndex(0) },
    truncateFrom: asIndex(1),
  })

  t.is(bench.log.queuedWrites, 1)
  t.like(bench.log.crash().recovered, { hardState: { term: 3 }, entries: { lastIndex: 0 } })
  bench.log.flush()
  t.like(bench.log.crash().recovered, { hardState: { term: 4 }, entries: { lastIndex: 1 } })
})

test('a commit index alone is not worth a sync; it rides on the next write', (t) => {
  const bench = new Bench()

  bench.execute({ hardState: { term: asTerm(3), vote: self, commitIndex: asIndex(1) } })
  t.is(bench.log.queuedWrites, 0)

  bench.executeEntry()
  bench.log.flush()
  t.is(bench.log.crash().recovered.hardState.commitIndex, asIndex(1))
})

test('a commit index alone does not hold messages back', (t) => {
  const bench = new Bench()

  bench.execute({
    hardState: { term: asTerm(3), vote: self, commitIndex: asIndex(9) },
    messages: [messages.heartbeat],
  })

  t.deepEqual(bench.events, ['send heartbeat'])
})

test('writes are pipelined and acknowledged in order', (t) => {
  const bench = new Bench()

  for (let count = 0; count < 3; count++) bench.executeEntry()

  t.is(bench.log.queuedWrites, 3)
  bench.log.flush()
  t.deepEqual(bench.events, ['durable 1', 'durable 2', 'durable 3'])
})

test('W13: a full disk acknowledges nothing; the retry writes everything in order (P3)', (t) => {
  const bench = new Bench()
  bench.executeEntry({ messagesAfterPersist: [messages['append-entries-response']] })
  bench.executeEntry()

  bench.log.failQueued(diskFull)
  bench.executeEntry()
  t.deepEqual(bench.events, ['full ERR_DISK_FULL'])
  t.true(bench.executor.isDiskFull)
  t.is(bench.log.queuedWrites, 0)

  bench.executor.retry()
  t.is(bench.log.queuedWrites, 3)
  bench.log.flush()
  t.deepEqual(bench.events.slice(1), [
    'durable 1',
    'send append-entries-response',
    'durable 2',
    'durable 3',
    'resumed',
  ])
  t.false(bench.executor.isDiskFull)
  t.is(bench.log.crash().recovered.entries.lastIndex, asIndex(3))
})

test('W13: a retry that finds the disk still full changes nothing', (t) => {
  const bench = new Bench()
  bench.executeEntry()
  bench.log.failQueued(diskFull)

  bench.executor.retry()
  bench.executor.retry()
  t.is(bench.log.queuedWrites, 1)
  bench.log.failQueued(diskFull)

  t.deepEqual(bench.events, ['full ERR_DISK_FULL'])
  bench.executor.retry()
  bench.log.flush()
  t.deepEqual(bench.events.slice(1), ['durable 1', 'resumed'])
})

test('E01, W13: a vote that a full disk refused is not told', (t) => {
  const bench = new Bench()

  bench.executeVote(4, { messagesAfterPersist: [messages['request-vote-response']] })
  bench.log.failQueued(diskFull)
  bench.execute({ messages: [messages['heartbeat-response']] })
  t.deepEqual(bench.events, ['full ERR_DISK_FULL'])

  bench.executor.retry()
  bench.log.flush()
  t.deepEqual(bench.events.slice(1, 4), [
    'durable 1',
    'send request-vote-response',
    'send heartbeat-response',
  ])
})

test('frames that a full disk refused can still be read', (t) => {
  const bench = new Bench()
  bench.executeEntry()
  bench.log.flush()
  bench.executeEntry()
  bench.executeEntry()
  t.is(bench.executor.refusedFrames(asIndex(2), asIndex(3), 1_000), null)

  bench.log.failQueued(diskFull)

  t.is(bench.log.cached(asIndex(2), asIndex(3), 1_000), null)
  t.is(bench.executor.refusedFrames(asIndex(3), asIndex(3), 1_000)?.range.lastIndex, asIndex(3))
})

test('W11: after any other failure nothing is told to anybody', (t) => {
  const bench = new Bench()
  bench.executeEntry({ messagesAfterPersist: [messages['append-entries-response']] })

  bench.log.poison()

  t.deepEqual(bench.events, ['failed ERR_LOG_POISONED'])
})

test('E01: a message of a term that is not durable never leaves (P1)', (t) => {
  const bench = new Bench()

  const leave = (message: Message): void => {
    bench.execute({ messages: [{ ...message, term: nextTerm }] })
  }

  t.throws(() => leave(messages['append-entries']), { instanceOf: InvariantError })
  t.notThrows(() => leave(messages['pre-vote']))
})

test('an append is never acknowledged beyond what is durable here (P2)', (t) => {
  const bench = new Bench()
  bench.executeEntry()
  bench.log.flush()
  bench.executeEntry()

  const acknowledge = (index: number): void => {
    const response = messages['append-entries-response']
    bench.execute({ messages: [{ ...response, index: asIndex(index) }] })
  }

  t.throws(() => acknowledge(2), { instanceOf: InvariantError })
  t.notThrows(() => acknowledge(1))
})

test('a completion out of order is a broken promise of the log (P3)', (t) => {
  const completions: ((error: ClustorError | null) => void)[] = []
  const bench = new Bench()
  bench.log.persist = (_write, done) => {
    completions.push(done)
  }
  bench.executeEntry()
  bench.executeEntry()

  completions[1]?.(null)

  t.deepEqual(bench.events, ['failed ERR_INVARIANT'])
})

test('frames that one write cannot hold go as several, and are acknowledged with the last', (t) => {
  const bench = new Bench()
  const payloads = ['one', 'two', 'three'].map((text) => Buffer.from(text))
  const frames = bench.log.encode(asTerm(3), asIndex(1), entryKinds.normal, payloads)
  bench.log.writeBytesMax = 80

  bench.execute(
    {
      entries: frames.range,
      acknowledgement: { writeNumber: 1, durableIndex: asIndex(3), term: asTerm(3) },
      messagesAfterPersist: [{ ...messages['append-entries-response'], index: asIndex(3) }],
    },
    frames,
  )
  t.is(bench.log.queuedWrites, 2)

  bench.log.flush(1)
  t.is(bench.executor.durableIndex, asIndex(2))
  t.deepEqual(bench.events, [])

  bench.log.flush()
  t.is(bench.executor.durableIndex, asIndex(3))
  t.deepEqual(bench.events, ['durable 1', 'send append-entries-response'])
})

test('of the parts of a write none calls an entry committed that comes with a later one', (t) => {
  const bench = new Bench()
  const payloads = ['one', 'two', 'three'].map((text) => Buffer.from(text))
  const frames = bench.log.encode(asTerm(3), asIndex(1), entryKinds.normal, payloads)
  bench.log.writeBytesMax = 80
  const hardState = { term: asTerm(3), vote: asReplica(0), commitIndex: asIndex(3) }

  bench.execute({ hardState, entries: frames.range }, frames)

  bench.log.flush(1)
  t.deepEqual(bench.log.durableHardState, { ...hardState, commitIndex: asIndex(2) })
  bench.log.flush()
  t.deepEqual(bench.log.durableHardState, hardState)
})

test('of refused writes the newest says what an entry is', (t) => {
  const bench = new Bench()
  const encoded = (term: number, firstIndex: number, texts: readonly string[]): FrameBatch => {
    const payloads = texts.map((text) => Buffer.from(text))
    return bench.log.encode(asTerm(term), asIndex(firstIndex), entryKinds.normal, payloads)
  }
  const old = encoded(3, 1, ['one', 'two', 'old three'])
  const replacing = encoded(3, 3, ['new three', 'four'])
  bench.execute({ entries: old.range }, old)
  bench.log.failQueued(diskFull)
  bench.execute({ entries: replacing.range, truncateFrom: asIndex(3) }, replacing)

  const texts = (firstIndex: number): readonly string[] => {
    const batch = bench.executor.refusedFrames(asIndex(firstIndex), asIndex(4), 1_000)
    if (batch === null) return []
    return Array.from(batch.range.byteLengths, (_, at) =>
      Buffer.from(bench.log.payload(batch, at)).toString(),
    )
  }

  t.deepEqual(texts(1), ['one', 'two'])
  t.deepEqual(texts(3), ['new three', 'four'])
  t.deepEqual(texts(4), ['four'])
})
