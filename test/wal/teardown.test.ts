import test from 'ava'
import { DurableLog } from '../../src/log.js'
import { runFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const fixture = (name: string): URL => new URL(`fixtures/${name}.js`, import.meta.url)

test('W28: process.exit in the continuation of an append ends the process cleanly', async (t) => {
  const directory = temporaryDirectory(t)

  const end = await runFixture(fixture('exit-in-callback'), [directory])

  t.like(end, { code: 7, signal: null })
  const { log, recovery } = await DurableLog.open({ directory, segmentBytes: 1 << 20 })
  await log.close()
  t.true(recovery.lastIndex >= 500)
})

test('W28: an idle open log lets the process end, a pending append does not', async (t) => {
  const end = await runFixture(fixture('idle-log'), [temporaryDirectory(t)])

  t.like(end, { code: 0, signal: null, stdout: 'durable 1\n' })
})

test('W28: worker threads are terminated at random moments of appends and reads', async (t) => {
  const end = await runFixture(fixture('terminate-workers'), [temporaryDirectory(t), '12'])

  t.like(end, { code: 0, signal: null, stdout: 'done\n' })
})

test('W28: closed logs are collected', async (t) => {
  const end = await runFixture(fixture('drop-everything'), [temporaryDirectory(t)], {
    nodeFlags: ['--expose-gc'],
  })

  t.like(end, { code: 0, signal: null, stdout: 'done\n' })
})

test('W30: no append is lost while the collector runs all the time', async (t) => {
  const end = await runFixture(fixture('garbage-stress'), [temporaryDirectory(t)], {
    nodeFlags: ['--expose-gc', '--gc-interval=500'],
  })

  t.like(end, { code: 0, signal: null, stdout: 'missing 0\n' })
})
