import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { asIndex, asTerm } from '../../src/base/ids.js'
import type { ClustorError } from '../../src/log.js'
import { DurableLog } from '../../src/log.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { openReplicaLog } from '../../src/wal/native-replica-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const options = {
  segmentBytes: 256 * 1024,
  ledgerBytesMax: 64 * 1024,
  durability: 'group',
  unsafeFileSystem: true,
} as const

/** A file system of 2 MiB of its own, or null where it cannot be mounted; native/test fills a disk everywhere. */
function smallDisk(t: ExecutionContext): string | null {
  const directory = join(temporaryDirectory(t), 'disk')
  mkdirSync(directory)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory])
  if (mounted.status !== 0) {
    t.log('mounting is not possible here; the fault-injecting Env of native/test covers W13')
    t.pass()
    return null
  }
  t.teardown(() => {
    spawnSync('umount', ['--lazy', directory])
  })
  return directory
}

async function texts(log: DurableLog): Promise<string[]> {
  const found: string[] = []
  for await (const { payload } of log.read()) found.push(Buffer.from(payload).toString().trim())
  return found
}

test('W13: a full disk refuses appends by code, and they go on when space returns', async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1024 * 1024))
  const { log } = await DurableLog.open({ directory: join(disk, 'log'), ...options })
  t.teardown(() => log.close())
  const payload = (text: string): Buffer => Buffer.alloc(20_000, text.padEnd(16))
  const stored: string[] = []
  let failure: ClustorError | null = null

  for (let round = 0; failure === null && round < 100; round++) {
    const burst = Array.from({ length: 4 }, (_, position) => `${round}/${position}`)
    const outcomes = await Promise.allSettled(burst.map((text) => log.append(payload(text))))
    for (const [position, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') stored.push(burst[position] ?? '')
      else failure = outcome.reason as ClustorError
    }
  }
  const readable = await texts(log)
  rmSync(join(disk, 'filler'))
  const { index } = await log.append(payload('after'))

  t.like(failure, { code: 'ERR_DISK_FULL', retryable: true, outcome: 'not-applied' })
  t.is(readable.length, stored.length)
  t.is(index, stored.length + 1)
  t.true(log.stats().shortages > 0)
  t.is(log.stats().poisoned, null)
  await log.close()
  const { log: reopened } = await DurableLog.open({ directory: join(disk, 'log'), ...options })
  t.teardown(() => reopened.close())
  const found = (await texts(reopened)).map((text) => text.slice(0, 16).trim())
  t.deepEqual(found, [...stored, 'after'])
})

test('W13: after a full disk the log of a replica ends where it is durable', async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1024 * 1024))
  const log = await openReplicaLog({ directory: join(disk, 'log'), ...options })
  t.teardown(() => log.close())
  const persist = (index: number): Promise<string> =>
    new Promise((resolve) => {
      const payloads = [Buffer.alloc(20_000)]
      const frames = log.encode(asTerm(1), asIndex(index), entryKinds.normal, payloads)
      log.persist({ frames }, (error) => resolve(error?.code ?? 'durable'))
    })

  const outcomes = await Promise.all(
    Array.from({ length: 100 }, (_, position) => persist(position + 1)),
  )
  const durable = outcomes.filter((outcome) => outcome === 'durable').length
  const { lastIndex, durableIndex } = log.status()
  rmSync(join(disk, 'filler'))
  const again = await persist(durable + 1)

  t.true(durable > 0 && durable < 100)
  t.deepEqual(new Set(outcomes.slice(durable)), new Set(['ERR_DISK_FULL']))
  t.deepEqual([Number(lastIndex), Number(durableIndex)], [durable, durable])
  t.is(
    log.cached(asIndex(durable + 1), asIndex(durable + 1), 1e6)?.range.firstIndex,
    asIndex(durable + 1),
  )
  t.is(again, 'durable')
})

test('W13: opening on a full disk is refused by code', async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1920 * 1024))

  await t.throwsAsync(DurableLog.open({ directory: join(disk, 'log'), ...options }), {
    code: 'ERR_DISK_FULL',
  })
  rmSync(join(disk, 'filler'))

  const { log } = await DurableLog.open({ directory: join(disk, 'log'), ...options })
  t.deepEqual(await log.append(Buffer.from('a')), { index: 1 })
  await log.close()
})

test('a full disk: appendSync throws the shortage, and goes on when space returns', async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return
  writeFileSync(join(disk, 'filler'), Buffer.alloc(1024 * 1024))
  const { log } = await DurableLog.open({ directory: join(disk, 'log'), ...options })
  t.teardown(() => log.close())
  const stored: string[] = []
  const fill = (): void => {
    for (let entry = 0; entry < 200; entry++) {
      log.appendSync(Buffer.alloc(20_000, String(entry).padEnd(16)))
      stored.push(String(entry))
    }
  }

  t.throws(fill, { code: 'ERR_DISK_FULL' })
  const waiting = log.append(Buffer.alloc(20_000))
  t.throws(() => log.appendSync(Buffer.alloc(20_000)), { code: 'ERR_DISK_FULL' })
  await t.throwsAsync(waiting, { code: 'ERR_DISK_FULL' })
  rmSync(join(disk, 'filler'))

  t.is(log.appendSync(Buffer.from('behind')).index, stored.length + 1)
  t.deepEqual(await texts(log).then((found) => found.map((text) => text.trim().split(' ')[0])), [
    ...stored,
    'behind',
  ])
})
