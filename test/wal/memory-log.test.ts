import test from 'ava'
import { asIndex, asTerm, noReplica } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { MemoryLog } from '../support/memory-log.js'

const payloads = (...texts: string[]) => texts.map((text) => Buffer.from(text))

test('a crash of the in-memory log keeps what was flushed and nothing else', (t) => {
  const log = new MemoryLog()
  const completed: string[] = []
  const persist = (first: number, name: string) => {
    const frames = log.encode(asTerm(1), asIndex(first), entryKinds.normal, payloads(name))
    log.persist({ frames }, (error) => completed.push(error?.code ?? name))
  }
  persist(1, 'a')
  persist(2, 'b')

  log.flush(1)
  const found = log.crash().recovered

  t.deepEqual(completed, ['a'])
  t.is(found.entries.lastIndex, asIndex(1))
  t.is(log.status().lastIndex, asIndex(2))
})

test('truncation, hard state and frames of one write take effect together', async (t) => {
  const log = new MemoryLog()
  const first = log.encode(asTerm(1), asIndex(1), entryKinds.normal, payloads('a', 'b', 'c'))
  const second = log.encode(asTerm(2), asIndex(2), entryKinds.normal, payloads('B'))
  const hardState = { term: asTerm(2), vote: noReplica, commitIndex: asIndex(1) }

  log.persist({ frames: first }, () => t.pass())
  log.persist({ hardState, truncateFrom: asIndex(2), frames: second }, () => t.pass())
  log.flush()

  const batch = await log.read(asIndex(1), asIndex(9), 1000)
  t.deepEqual(
    [0, 1].map((position) => Buffer.from(log.payload(batch, position)).toString()),
    ['a', 'B'],
  )
  t.deepEqual(log.crash().recovered.hardState, hardState)
})
