import test from 'ava'

import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import type { Term } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { AppendEntries } from '../../src/raft/messages.js'
import { FrameSource } from '../../src/replica/frame-source.js'
import { MessageSender } from '../../src/replica/message-sender.js'
import { ReadyExecutor } from '../../src/replica/ready-executor.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'
import { MemoryLog } from '../support/memory-log.js'
import { settle } from './simulated-cluster.js'

const term = asTerm(3)
const entryTotal = 10

/** A sender over a log of 10 durable entries, of which the first `onDiskOnly` are in no cache. */
class Bench {
  readonly log: MemoryLog
  readonly sent: string[] = []
  readonly sender: MessageSender
  leadingTerm: Term | null = term

  constructor({ onDiskOnly = 0 } = {}) {
    const first = new MemoryLog()
    const payloads = Array.from({ length: entryTotal }, (_, at) => Buffer.from(`p${at + 1}`))
    first.persist(
      { frames: first.encode(term, asIndex(1), entryKinds.normal, payloads) },
      () => undefined,
    )
    first.flush()
    this.log = first.crash()
    const cached = this.log.cached.bind(this.log)
    this.log.cached = (from, to, bytesMax) =>
      from <= onDiskOnly ? null : cached(from, to, bytesMax)
    const ports = {
      send: () => undefined,
      stepSelf: () => undefined,
      acknowledge: () => undefined,
      diskFull: () => undefined,
      diskResumed: () => undefined,
      failed: () => undefined,
    }
    const source = new FrameSource(this.log, new ReadyExecutor(asReplica(1), this.log, ports))
    this.sender = new MessageSender(source, {
      send: ({ message, frames }) => {
        const entries = message.kind === 'append-entries' ? message.entries : null
        const range = entries === null ? '' : ` ${entries.firstIndex}-${entries.lastIndex}`
        const texts = frames === null ? '' : ` ${this.#texts(frames)}`
        this.sent.push(`${message.to} ${message.kind}${range}${texts}`)
      },
      unreachable: (replica) => this.sent.push(`${replica} unreachable`),
      leadingTerm: () => this.leadingTerm,
      track: (promise) => {
        promise.catch(() => this.sent.push('unhandled'))
      },
    })
  }

  append(to: number, firstIndex: number, lastIndex: number): void {
    this.sender.send(appendOf(to, this.#batch(firstIndex, lastIndex)))
  }

  empty(to: number, commitIndex: number): void {
    this.sender.send({
      ...appendOf(to, this.#batch(1, 1)),
      entries: null,
      commitIndex: asIndex(commitIndex),
    })
  }

  #batch(firstIndex: number, lastIndex: number): FrameBatch {
    const payloads = Array.from({ length: lastIndex - firstIndex + 1 }, (_, at) =>
      Buffer.from(`p${firstIndex + at}`),
    )
    return this.log.encode(term, asIndex(firstIndex), entryKinds.normal, payloads)
  }

  #texts(frames: Uint8Array): string {
    const batch = this.log.decode(frames)
    return Array.from(batch.range.byteLengths, (_, at) =>
      Buffer.from(this.log.payload(batch, at)).toString(),
    ).join('+')
  }
}

function appendOf(to: number, { range }: FrameBatch): AppendEntries {
  return {
    kind: 'append-entries',
    from: asReplica(1),
    to: asReplica(to),
    term,
    prevIndex: asIndex(range.firstIndex - 1),
    prevTerm: term,
    commitIndex: asIndex(0),
    entries: range,
  }
}

test('recent entries are sent from memory', (t) => {
  const bench = new Bench()

  bench.append(2, 4, 6)

  t.deepEqual(bench.sent, ['2 append-entries 4-6 p4+p5+p6'])
})

test('a follower far behind is served from disk, in order, while others do not wait', async (t) => {
  const bench = new Bench({ onDiskOnly: 4 })

  bench.append(2, 1, 3)
  bench.append(2, 4, 6)
  bench.append(2, 7, 8)
  bench.append(3, 7, 8)
  t.deepEqual(bench.sent, ['3 append-entries 7-8 p7+p8'])
  await settle()

  t.deepEqual(bench.sent.slice(1), [
    '2 append-entries 1-3 p1+p2+p3',
    '2 append-entries 4-6 p4+p5+p6',
    '2 append-entries 7-8 p7+p8',
  ])
})

test('at most one read is in flight for each follower', async (t) => {
  const bench = new Bench({ onDiskOnly: entryTotal })
  let reading = 0
  let most = 0
  const read = bench.log.read.bind(bench.log)
  bench.log.read = async (...range) => {
    most = Math.max(most, ++reading)
    const batch = await read(...range)
    reading -= 1
    return batch
  }

  for (const first of [1, 3, 5]) bench.append(2, first, first + 1)
  await settle()

  t.is(most, 1)
  t.is(bench.sent.length, 3)
})

test('what was read for a leadership that has ended is not sent', async (t) => {
  const bench = new Bench({ onDiskOnly: 4 })
  bench.append(2, 1, 3)
  bench.append(2, 4, 6)

  bench.leadingTerm = null
  await settle()

  t.deepEqual(bench.sent, [])
})

test('a read that fails makes the follower unreachable, and the next append begins anew', async (t) => {
  const bench = new Bench({ onDiskOnly: 4 })
  const read = bench.log.read.bind(bench.log)
  bench.log.read = () => Promise.reject(new Error('no'))
  bench.append(2, 1, 3)
  await settle()
  bench.log.read = read

  bench.append(2, 1, 3)
  await settle()

  t.deepEqual(bench.sent, ['2 unreachable', '2 append-entries 1-3 p1+p2+p3'])
})

test('appends that wait for a read are bounded', async (t) => {
  const bench = new Bench({ onDiskOnly: 4 })

  for (let count = 0; count < 300; count++) bench.append(2, 1, 3)

  t.is(bench.sent.filter((line) => line === '2 unreachable').length, 1)
  await settle()
  t.true(bench.sent.length < 300)
})

test('R09: a commit index alone waits for the next append, at most for a tick', (t) => {
  const bench = new Bench()

  bench.empty(2, 5)
  bench.empty(3, 5)
  bench.append(3, 4, 6)
  t.deepEqual(bench.sent, ['3 append-entries 4-6 p4+p5+p6'])
  bench.sender.sendDeferred()
  bench.sender.sendDeferred()

  t.deepEqual(bench.sent.slice(1), ['2 append-entries'])
})
