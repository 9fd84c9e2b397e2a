import test, { type ExecutionContext } from 'ava'
import { asIndex, asTerm } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { processHost, type LogHost } from '../../src/wal/log-host.js'
import { openReplicaLog } from '../../src/wal/native-replica-log.js'
import type { ReplicaLog } from '../../src/wal/replica-log.js'
import { ManualTimers } from '../support/manual-timers.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** A real log in an event loop whose turns the test makes for the poller. */
class Bench {
  readonly #log: ReplicaLog
  readonly #turns: (() => void)[]
  #lastIndex = 0

  private constructor(log: ReplicaLog, turns: (() => void)[]) {
    this.#log = log
    this.#turns = turns
  }

  static async open(t: ExecutionContext): Promise<Bench> {
    const turns: (() => void)[] = []
    const host: LogHost = {
      ...processHost,
      // Time stands still, so polling has no end of its own.
      timers: new ManualTimers(),
      turns: { next: (run) => turns.push(run), cpuMs: () => 0 },
    }
    const identity = { cluster: 'c', partition: 'p', replica: 1 }
    const options = { directory: temporaryDirectory(t), identity, completionPollUsMax: 10_000 }
    const log = await openReplicaLog(options, host)
    t.teardown(() => log.close())
    return new Bench(log, turns)
  }

  get isPolling(): boolean {
    return this.#turns.length > 0
  }

  turn(): void {
    for (const run of this.#turns.splice(0)) run()
  }

  /** Writes entries of so many bytes each, in one write. */
  write(entries: number, payloadBytes: number): { isSettled: boolean } {
    const payloads = Array.from({ length: entries }, () => Buffer.alloc(payloadBytes))
    const firstIndex = asIndex(this.#lastIndex + 1)
    const frames = this.#log.encode(asTerm(1), firstIndex, entryKinds.normal, payloads)
    this.#lastIndex += entries
    const write = { isSettled: false }
    this.#log.persist({ frames }, (error) => {
      write.isSettled = error === null
    })
    return write
  }

  /** Until the disk has what was written, and whom its answer wakes has had some turns. */
  async synced(): Promise<void> {
    while (this.#log.status().durableIndex < this.#lastIndex) await loopTurn()
    for (let turns = 0; turns < 10; turns++) await loopTurn()
  }
}

const loopTurn = (): Promise<void> => new Promise(setImmediate)

test('while polling the event loop is not woken: the answer of the disk is found by the poll', async (t) => {
  const bench = await Bench.open(t)
  const write = bench.write(1, 10)
  await bench.synced()
  t.false(write.isSettled)

  // Whenever it is looked for, nobody else has brought it.
  for (let turns = 0; turns < 10_000 && bench.isPolling; turns++) {
    t.false(write.isSettled)
    bench.turn()
    await loopTurn()
  }
  t.true(write.isSettled)
})

const writes = [
  { entries: 1, payloadBytes: 10, polls: true },
  { entries: 4, payloadBytes: 10, polls: true },
  { entries: 2, payloadBytes: 20_000, polls: true },
  { entries: 5, payloadBytes: 10, polls: false },
  { entries: 1, payloadBytes: 70_000, polls: false },
  { entries: 4, payloadBytes: 20_000, polls: false },
]

for (const { entries, payloadBytes, polls } of writes) {
  test(`a write of ${entries} × ${payloadBytes} bytes is ${polls ? '' : 'not '}polled for`, async (t) => {
    const bench = await Bench.open(t)
    bench.write(entries, payloadBytes)
    t.is(bench.isPolling, polls)
  })
}

test('polling ends when much waits, and what has been held back wakes the event loop', async (t) => {
  const bench = await Bench.open(t)
  const little = bench.write(1, 10)
  const much = bench.write(1, 70_000)
  t.true(bench.isPolling)
  bench.turn()
  t.false(bench.isPolling)
  while (!much.isSettled) await loopTurn()
  t.true(little.isSettled)
})
