import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'

import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import { PeerRegister } from '../../src/node/peer-register.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { forcedChange } from '../../src/raft/forced-configuration.js'
import { encodeMembershipChange } from '../../src/raft/membership-codec.js'
import type { MembershipConfiguration } from '../../src/raft/membership.js'
import type { ChannelGreeting } from '../../src/transport/transport.js'
import { emptyContents } from '../support/log-contents.js'
import { MemoryLog } from '../support/memory-log.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const two = asReplica(2)
const three = asReplica(3)

const open = (
  directory: string,
  { isFounder = true, log = new MemoryLog() } = {},
): Promise<PeerRegister> =>
  PeerRegister.open({ partition: 'p', replica: asReplica(1), directory, log, isFounder })

const said = (epoch: number, incarnation: number, known = 0): ChannelGreeting => ({
  epoch,
  incarnation,
  known,
})

const configuration = (incoming: number[], learners: number[] = []): MembershipConfiguration => ({
  incoming: incoming.map(asReplica),
  outgoing: [],
  learners: learners.map(asReplica),
  learnersNext: [],
  autoLeave: false,
})

/** A log with one membership entry: recovered by force. */
function forcedLog(epoch: number): MemoryLog {
  const log = new MemoryLog()
  const payload = encodeMembershipChange(forcedChange(asReplica(1), epoch))
  const frames = log.encode(asTerm(2), asIndex(1), entryKinds.membership, [payload])
  return new MemoryLog({ ...emptyContents(), entries: [frames] })
}

test('M09: a peer is known by its log from its first channel on, over restarts too', async (t) => {
  const directory = temporaryDirectory(t)
  const register = await open(directory)
  await register.admit(two, said(1, 10))
  await register.admit(two, said(1, 10))

  for (const each of [register, await open(directory)]) {
    t.throws(() => each.admit(two, said(1, 11)), {
      code: 'ERR_REPLICA_REPLACED',
      message: /replica 2 has log 11 in partition p, known is 10: it began anew/,
    })
    await each.admit(two, said(1, 10))
    await each.admit(three, said(1, 11))
  }
})

test('M09: a replica that began anew hears no peer that knows it by its old log', async (t) => {
  const register = await open(temporaryDirectory(t))
  await register.admit(two, said(1, 10))
  t.deepEqual(register.greeting(two), said(1, 1, 10))
  t.deepEqual(register.greeting(three), said(1, 1, 0))

  const anew = await open(temporaryDirectory(t))
  t.throws(() => anew.admit(three, said(1, 1, 2)), {
    code: 'ERR_REPLICA_REPLACED',
    message: /replica 1 has log 1 in partition p, known is 2/,
  })
  await anew.admit(three, said(1, 1, 1))

  register.noteMembership(configuration([1, 3]), asIndex(5))
  t.is(register.greeting(two).known, 0, 'it may come with another one')
})

test('M09: a removed peer may come back with a newer log, once, and never with an older one', async (t) => {
  const directory = temporaryDirectory(t)
  const register = await open(directory)
  await register.admit(two, said(1, 10))

  register.noteMembership(configuration([1, 3]), asIndex(5))
  t.throws(() => register.admit(two, said(1, 9)), {
    code: 'ERR_REPLICA_REPLACED',
    message: /an older directory was put back/,
  })
  register.noteMembership(configuration([1, 3], [2]), asIndex(6))
  await register.admit(two, said(1, 11))

  const again = await open(directory)
  again.noteMembership(configuration([1, 3]), asIndex(5))
  again.noteMembership(configuration([1, 3], [2]), asIndex(6))
  for (const each of [register, again]) {
    for (const incarnation of [10, 12]) {
      t.throws(() => each.admit(two, said(1, incarnation)), { code: 'ERR_REPLICA_REPLACED' })
    }
  }
})

test('M09: a removed peer that is a member again is admitted anew, and known by what it then has', async (t) => {
  for (const incarnation of [10, 11]) {
    const register = await open(temporaryDirectory(t))
    const reopened: number[] = []
    register.onReadmission((peer) => reopened.push(peer))
    await register.admit(two, said(1, 10))

    register.noteMembership(configuration([1, 3]), asIndex(5))
    await register.admit(two, said(1, 10))
    t.deepEqual(reopened, [])
    register.noteMembership(configuration([1, 3], [2]), asIndex(6))
    t.deepEqual(reopened, [2])
    register.noteMembership(configuration([1, 2, 3]), asIndex(7))
    t.deepEqual(reopened, [2])

    await register.admit(two, said(1, incarnation))
    t.throws(() => register.admit(two, said(1, incarnation + 1)), { code: 'ERR_REPLICA_REPLACED' })
  }
})

test('M09: who hears late that a peer was removed and is back lets it in with its newer log', async (t) => {
  const directory = temporaryDirectory(t)
  const register = await open(directory)
  await register.admit(two, said(1, 10))
  t.throws(() => register.admit(two, said(1, 11)), { code: 'ERR_REPLICA_REPLACED' })

  for (const each of [register, await open(directory)]) {
    each.noteMembership(configuration([1, 3]), asIndex(5))
    each.noteMembership(configuration([1, 3], [2]), asIndex(6))
    each.noteMembership(configuration([1, 2, 3]), asIndex(7))
  }

  await t.notThrowsAsync(async () => register.admit(two, said(1, 11)))
})

test('a peer that could not be remembered is not admitted, and is when it can be', async (t) => {
  const directory = temporaryDirectory(t)
  const register = await open(directory)
  mkdirSync(join(directory, 'peers.json.next'))

  await t.throwsAsync(async () => register.admit(two, said(1, 10)), { code: 'EISDIR' })
  await t.throwsAsync(async () => register.admit(two, said(1, 10)), { code: 'EISDIR' })
  rmSync(join(directory, 'peers.json.next'), { recursive: true })
  await Promise.all([register.admit(two, said(1, 10)), register.admit(three, said(1, 12))])
  t.is(register.admit(two, said(1, 10)), undefined)
  await register.close()

  const again = await open(directory)
  t.is(again.greeting(two).known, 10)
  t.is(again.greeting(three).known, 12)
  t.throws(() => register.admit(two, said(1, 10)), { code: 'ERR_PARTITION_UNKNOWN' })
})

test('M15: replicas of different epochs refuse each other, whichever side is older', async (t) => {
  const old = await open(temporaryDirectory(t))
  const recovered = await open(temporaryDirectory(t), { log: forcedLog(7) })

  t.deepEqual(old.greeting(two), said(1, 1))
  t.deepEqual(recovered.greeting(two), said(7, 1))
  t.throws(() => recovered.admit(two, old.greeting(two)), {
    code: 'ERR_EPOCH_MISMATCH',
    message: /recovered by force and is in epoch 7; replica 2 is of epoch 1/,
  })
  t.throws(() => old.admit(two, recovered.greeting(two)), {
    code: 'ERR_EPOCH_MISMATCH',
    message: /in epoch 7; replica 1 is of epoch 1/,
  })
  await recovered.admit(two, said(7, 1))
})

test('M15: a replica that joins takes over the epoch of the first peer that has one, for ever', async (t) => {
  const directory = temporaryDirectory(t)
  const joining = await open(directory, { isFounder: false })
  const recovered = await open(temporaryDirectory(t), { log: forcedLog(7) })

  t.is(joining.greeting(two).epoch, 0)
  await recovered.admit(three, joining.greeting(two))
  await joining.admit(two, said(0, 4))
  t.is(joining.greeting(two).epoch, 0)
  await joining.admit(two, said(7, 4))

  for (const each of [joining, await open(directory, { isFounder: false })]) {
    t.is(each.greeting(two).epoch, 7)
    t.throws(() => each.admit(three, said(1, 5)), { code: 'ERR_EPOCH_MISMATCH' })
  }
})

test('a peers.json without its form, or of a newer format, is refused by code', async (t) => {
  const directory = temporaryDirectory(t)
  const file = join(directory, 'peers.json')
  const register = await open(directory)
  await register.admit(two, said(1, 10))
  const text = readFileSync(file, 'utf8')

  for (const broken of ['', '{}', text.slice(0, -4), text.replace('"10"', '"ten"')]) {
    writeFileSync(file, broken)
    await t.throwsAsync(open(directory), { code: 'ERR_LOG_CORRUPT' })
  }
  writeFileSync(file, text.replace('"format": 1', '"format": 2'))
  await t.throwsAsync(open(directory), { code: 'ERR_FORMAT_NEWER' })
})
