import test from 'ava'

import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { Ready } from '../../src/raft/ready.js'
import { FrameSource } from '../../src/replica/frame-source.js'
import { ReadyExecutor } from '../../src/replica/ready-executor.js'
import { MemoryLog } from '../support/memory-log.js'

const nothing = (): void => undefined

class Bench {
  readonly log = new MemoryLog()
  readonly executor = new ReadyExecutor(asReplica(1), this.log, {
    send: nothing,
    stepSelf: nothing,
    acknowledge: nothing,
    diskFull: nothing,
    diskResumed: nothing,
    failed: nothing,
  })
  readonly source = new FrameSource(this.log, this.executor)

  /** Writes entries of a term from an index on, in the place of what is there. */
  write(term: number, firstIndex: number, payloads: readonly string[]): void {
    const frames = this.log.encode(
      asTerm(term),
      asIndex(firstIndex),
      entryKinds.normal,
      payloads.map((payload) => Buffer.from(payload)),
    )
    const ready = { entries: frames.range, truncateFrom: asIndex(firstIndex) }
    this.executor.execute(readyWith(ready), frames)
  }

  async read(firstIndex: number, lastIndex: number): Promise<readonly string[]> {
    const batch = await this.source.read(asIndex(firstIndex), asIndex(lastIndex), 1_000)
    const count = batch.range.lastIndex - batch.range.firstIndex + 1
    return Array.from({ length: count }, (_, at) =>
      Buffer.from(this.log.payload(batch, at)).toString(),
    )
  }
}

const readyWith = (ready: Partial<Ready>): Ready => ({
  messages: [],
  messagesAfterPersist: [],
  readStates: [],
  droppedReads: [],
  mustSync: true,
  ...ready,
})

test('entries that a truncation under way has replaced are not read from the disk', async (t) => {
  const bench = new Bench()
  bench.write(1, 1, ['one', 'two', 'old three', 'old four'])
  bench.log.flush()
  bench.write(2, 3, ['new three'])
  t.deepEqual(await bench.read(1, 3), ['one', 'two'])
  bench.log.flush()
  t.deepEqual(await bench.read(1, 3), ['one', 'two', 'new three'])
})

test('a read of an entry that is being replaced waits for the new one', async (t) => {
  const bench = new Bench()
  bench.write(1, 1, ['one', 'old two'])
  bench.log.flush()
  bench.write(2, 2, ['new two'])
  const reading = bench.read(2, 2)
  bench.log.flush()
  bench.source.notifyDurable()
  t.deepEqual(await reading, ['new two'])
})
