import test from 'ava'
import type { NativeLog } from '../../src/native/addon.js'
import { AppendQueue } from '../../src/wal/append-queue.js'
import type { LogDriver, PendingWrite } from '../../src/wal/log-driver.js'
import { readLogSettings } from '../../src/wal/log-settings.js'

test('what the addon refuses to take rejects the appends that were collected, and nobody else hears of it', async (t) => {
  const refusal = Object.assign(new Error('4096 bytes of memory cannot be had'), {
    code: 'ERR_OUT_OF_MEMORY',
  })
  const native = {
    append: () => {
      throw refusal
    },
  }
  const driver = { native, ready: true, closed: false, durableIndex: 0, attach: () => undefined }
  const settings = readLogSettings({ directory: 'none' }, 'a test')
  const queue = new AppendQueue(driver as unknown as LogDriver, settings, 1)

  const appended = new Promise((resolve, reject) => {
    queue.add(new Uint8Array(4096), { resolve, reject })
  })

  await t.throwsAsync(appended, { code: 'ERR_OUT_OF_MEMORY' })
  t.is(queue.queuedBytes, 0)
  t.is(queue.nextIndex, 1)
})

/** A queue on a log that only notes what is submitted to it: how many entries in which call. */
function notedQueue(): {
  readonly queue: AppendQueue
  readonly driver: { ready: boolean }
  readonly calls: string[]
  readonly append: (bytes: number) => Promise<unknown>
} {
  const calls: string[] = []
  let sequence = 0
  const native = {
    append: (...args: Parameters<NativeLog['append']>) => {
      const [, , counts, firstIndex] = args
      calls.push(`append ${counts.join()} from ${firstIndex}`)
      sequence += counts.length
      return sequence
    },
    appendPayloads: (payloads: readonly Uint8Array[], firstIndex: number) => {
      if (payloads.some((payload) => payload[0] === 255)) throw new Error('refused')
      calls.push(`appendPayloads ${payloads.length} from ${firstIndex}`)
      sequence += 1
      return sequence
    },
  }
  const settle = (write: PendingWrite): void => {
    write.settle(null)
  }
  const driver = {
    ...{ native, ready: true, closed: false, durableIndex: 0 },
    ...{ attach: () => undefined, submitted: settle },
  }
  const settings = readLogSettings({ directory: 'none', durability: 'group' }, 'a test')
  const queue = new AppendQueue(driver as unknown as LogDriver, settings, 1)
  const append = (bytes: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      queue.add(new Uint8Array(bytes), { resolve, reject })
    })
  return { queue, driver, calls, append }
}

test('a large payload is submitted at the call, behind what was collected', async (t) => {
  const { queue, calls, append } = notedQueue()

  const appended = [append(10), append(10), append(100_000), append(10), append(100_000)]
  const atOnce = [...calls]

  t.deepEqual(atOnce, [
    'append 2 from 1',
    'appendPayloads 1 from 3',
    'append 1 from 4',
    'appendPayloads 1 from 5',
  ])
  t.deepEqual(
    await Promise.all(appended),
    [1, 2, 3, 4, 5].map((index) => ({ index })),
  )
  t.is(queue.queuedBytes, 0)
})

test('a large batch is submitted at the call when its payloads are not small', async (t) => {
  const { queue, calls } = notedQueue()
  const batch = (count: number, bytes: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      queue.addBatch(
        Array.from({ length: count }, () => new Uint8Array(bytes)),
        { resolve, reject },
      )
    })

  const appended = [batch(5, 20_000), batch(1000, 100)]

  t.deepEqual(calls, ['appendPayloads 5 from 1'])
  t.deepEqual(await Promise.all(appended), [
    { firstIndex: 1, lastIndex: 5 },
    { firstIndex: 6, lastIndex: 1005 },
  ])
})

test('a large payload that the addon refuses is rejected alone', async (t) => {
  const { queue, calls, append } = notedQueue()
  const refused = new Promise((resolve, reject) => {
    queue.add(new Uint8Array(100_000).fill(255), { resolve, reject })
  })

  const next = append(100_000)

  await t.throwsAsync(refused, { message: /refused/u })
  t.deepEqual(await next, { index: 1 })
  t.deepEqual(calls, ['appendPayloads 1 from 1'])
  t.is(queue.queuedBytes, 0)
})

test('a large payload waits with the others while the log clears up after a failure', async (t) => {
  const { queue, driver, calls, append } = notedQueue()
  driver.ready = false

  const appended = [append(10), append(100_000)]
  t.deepEqual(calls, [])
  driver.ready = true
  queue.flush()

  t.deepEqual(calls, ['append 2 from 1'])
  t.deepEqual(await Promise.all(appended), [{ index: 1 }, { index: 2 }])
})
