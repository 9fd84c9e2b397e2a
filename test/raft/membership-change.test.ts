import test from 'ava'
import { asReplica } from '../../src/base/ids.js'
import { SeededRandom, integerBetween } from '../../src/base/random.js'
import { epochOf, forcedChange } from '../../src/raft/forced-configuration.js'
import { changeMembership } from '../../src/raft/membership-change.js'
import {
  configurationBytes,
  decodeConfiguration,
  decodeMembershipChange,
  encodeConfiguration,
  encodeMembershipChange,
} from '../../src/raft/membership-codec.js'
import { isJoint, memberIds, type MembershipConfiguration } from '../../src/raft/membership.js'
import { changeOf } from './support/changes.js'
import { votersOnly } from './support/messages.js'

const joint: MembershipConfiguration = { ...votersOnly(1, 2), outgoing: [asReplica(1)] }

// The words are those of etcd-io/raft's confchange scripts.
const refusals = [
  { given: votersOnly(1), change: changeOf('r1'), reason: 'removed all voters' },
  { given: votersOnly(1), change: changeOf('l1'), reason: 'removed all voters' },
  { given: votersOnly(1, 2), change: changeOf('r1 r2'), reason: 'removed all voters' },
  {
    given: joint,
    change: changeOf('v3'),
    reason: "can't apply simple config change in joint config",
  },
  { given: joint, change: changeOf('v3 v4'), reason: 'config is already joint' },
  {
    given: votersOnly(),
    change: changeOf('v1 v2'),
    reason: "can't make a zero-voter config joint",
  },
  { given: votersOnly(1), change: changeOf(''), reason: "can't leave a non-joint config" },
]

for (const { given, change, reason } of refusals) {
  const words = change.changes.map(({ kind, id }) => `${kind} ${id}`).join(', ') || 'leave joint'
  const start = `${given.incoming.join(' ')}${isJoint(given) ? ', joint,' : ''}`
  test(`M11: from voters ${start} the change ${words} is refused: ${reason}`, (t) => {
    t.deepEqual(changeMembership(given, change), { kind: 'refused', reason })
  })
}

test('random changes keep learners apart from voters and leave a voter in both halves', (t) => {
  const random = new SeededRandom(5)
  let configuration = votersOnly(1, 2, 3)
  for (let round = 0; round < 20_000; round++) {
    const words = Array.from(
      { length: integerBetween(random, 0, 3) },
      () => `${'vlru'[integerBetween(random, 0, 3)] ?? 'v'}${integerBetween(random, 0, 6)}`,
    )
    const result = changeMembership(configuration, changeOf(words.join(' ')))
    if (result.kind === 'refused') continue
    configuration = result.configuration
    const { incoming, outgoing, learners, learnersNext } = configuration
    const voters = [...incoming, ...outgoing]
    if (incoming.length === 0 || learners.some((id) => voters.includes(id))) t.fail(String(round))
    if (!learnersNext.every((id) => outgoing.includes(id) && !incoming.includes(id))) {
      t.fail(`round ${round}`)
    }
    if (memberIds(configuration).includes(asReplica(0))) t.fail(`round ${round}`)
  }
  t.pass()
})

test('a change survives its bytes, with what the embedder adds', (t) => {
  for (const transition of ['auto', 'joint-implicit', 'joint-explicit'] as const) {
    const change = changeOf('v1 l2 r3 u9007199254740991', transition)
    t.deepEqual(decodeMembershipChange(encodeMembershipChange(change)), change)
    const withContext = { ...change, context: Uint8Array.of(7, 8) }
    t.deepEqual(decodeMembershipChange(encodeMembershipChange(withContext)), withContext)
  }
})

test('M15: a forced configuration takes the place of any other, a joint one too', (t) => {
  const change = forcedChange(asReplica(4), 2)

  for (const given of [votersOnly(1, 2, 3), joint, votersOnly()]) {
    const result = changeMembership(given, change)
    t.deepEqual(result, { kind: 'changed', configuration: votersOnly(4) })
  }
})

test('M15: the bytes of a forced configuration hold its epoch, and are of a version of their own', (t) => {
  const change = forcedChange(asReplica(3), 258)
  const bytes = encodeMembershipChange(change)

  t.deepEqual([...bytes], [2, 3, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])
  t.deepEqual(decodeMembershipChange(bytes), change)
  t.is(epochOf(change), 258)
  t.is(epochOf(changeOf('v1')), null)
  const broken = [
    bytes.with(0, 1),
    bytes.with(1, 0),
    bytes.with(4, 1),
    bytes.with(20, 0xff),
    bytes.subarray(0, 20),
    Uint8Array.of(2, 3, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0),
  ]
  for (const each of broken) {
    t.throws(() => decodeMembershipChange(each), { code: 'ERR_PROTOCOL' })
  }
})

test('the bytes of a change are those of docs/raft.md', (t) => {
  const bytes = encodeMembershipChange(changeOf('l258', 'joint-explicit'))

  t.deepEqual([...bytes], [1, 2, 1, 0, 1, 2, 1, 0, 0, 0, 0, 0, 0])
  t.is(encodeMembershipChange(changeOf('')).length, 0)
})

test('a configuration survives its bytes', (t) => {
  const configuration = {
    ...votersOnly(1, 2),
    outgoing: [asReplica(3), asReplica(4)],
    learners: [asReplica(5)],
    learnersNext: [asReplica(4)],
    autoLeave: true,
  }
  const bytes = encodeConfiguration(configuration)

  t.is(bytes.length, configurationBytes(configuration))
  t.deepEqual(decodeConfiguration(bytes), configuration)
})

test('bytes that are no change or configuration are refused with a code', (t) => {
  const change = encodeMembershipChange(changeOf('v1 v2'))
  t.throws(() => decodeMembershipChange(Uint8Array.of(3, 0, 0, 0)), { code: 'ERR_FORMAT_NEWER' })
  for (const broken of [change.subarray(0, 3), change.subarray(0, 12), Uint8Array.of(1, 9, 0, 0)]) {
    t.throws(() => decodeMembershipChange(broken), { code: 'ERR_PROTOCOL' })
  }
  const configuration = encodeConfiguration(votersOnly(1, 2))
  for (const broken of [
    configuration.subarray(0, 8),
    Uint8Array.of(...configuration, 0),
    encodeConfiguration(votersOnly()).fill(2, 0, 1),
    Uint8Array.of(),
  ]) {
    t.throws(() => decodeConfiguration(broken), { code: 'ERR_PROTOCOL' })
  }
})
