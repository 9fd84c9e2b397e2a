import test from 'ava'
import { AppendQueue } from '../../src/wal/append-queue.js'
import type { LogDriver } from '../../src/wal/log-driver.js'
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
