import { asIndex, asReplica, asTerm } from '../../src/base/ids.js'
import type { Random } from '../../src/base/random.js'
import { integerBetween } from '../../src/base/random.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import type { Message, MessageKind } from '../../src/raft/messages.js'
import type { PeerMessage } from '../../src/transport/transport.js'
import { encodeFrames } from './frame-codec.js'

const envelope = { from: asReplica(1), to: asReplica(2), term: asTerm(7) }
const largest = Number.MAX_SAFE_INTEGER

/** A message of each kind, from replica 1 to replica 2, with values that fill their fields. */
export const sampleMessages: { readonly [Kind in MessageKind]: Message & { kind: Kind } } = {
  'pre-vote': { ...envelope, kind: 'pre-vote', lastIndex: asIndex(largest), lastTerm: asTerm(6) },
  'pre-vote-response': {
    ...envelope,
    kind: 'pre-vote-response',
    rejected: true,
    commitIndex: asIndex(largest - 1),
    commitTerm: asTerm(5),
  },
  'request-vote': {
    ...envelope,
    kind: 'request-vote',
    lastIndex: asIndex(2 ** 32),
    lastTerm: asTerm(6),
  },
  'request-vote-response': {
    ...envelope,
    kind: 'request-vote-response',
    rejected: false,
    commitIndex: asIndex(0),
    commitTerm: asTerm(0),
  },
  'append-entries': {
    ...envelope,
    kind: 'append-entries',
    prevIndex: asIndex(2 ** 40 + 5),
    prevTerm: asTerm(6),
    commitIndex: asIndex(3),
    entries: null,
  },
  'append-entries-response': {
    ...envelope,
    kind: 'append-entries-response',
    index: asIndex(11),
    rejected: true,
    rejectHintIndex: asIndex(9),
    rejectHintTerm: asTerm(5),
  },
  heartbeat: {
    ...envelope,
    kind: 'heartbeat',
    commitIndex: asIndex(12),
    context: largest,
    sentTicks: 2 ** 34 + 1,
  },
  'heartbeat-response': {
    ...envelope,
    kind: 'heartbeat-response',
    context: 2 ** 33 + 1,
    sentTicks: 2 ** 35 + 1,
  },
  'install-snapshot': {
    ...envelope,
    kind: 'install-snapshot',
    snapshot: {
      index: asIndex(9),
      term: asTerm(6),
      configuration: {
        incoming: [asReplica(1), asReplica(2)],
        outgoing: [asReplica(1), asReplica(3)],
        learners: [asReplica(4)],
        learnersNext: [asReplica(3)],
        autoLeave: true,
      },
    },
  },
  'timeout-now': { ...envelope, kind: 'timeout-now' },
  'read-index': { ...envelope, kind: 'read-index', context: 2 ** 52 + 3 },
  'read-index-response': {
    ...envelope,
    kind: 'read-index-response',
    context: 2 ** 52 + 3,
    index: asIndex(14),
  },
}

/** An append that carries payloads as entries of term 7. */
export function appendOf(prevIndex: number, payloads: readonly Uint8Array[]): PeerMessage {
  const firstIndex = asIndex(prevIndex + 1)
  const { range, bytes } = encodeFrames(asTerm(7), firstIndex, entryKinds.normal, payloads)
  const message = { ...sampleMessages['append-entries'], prevIndex: asIndex(prevIndex) }
  return { message: { ...message, entries: range }, frames: bytes }
}

/** A heartbeat that can be told from others by its context. */
export function heartbeatOf(context: number, route: { from: number; to: number }): PeerMessage {
  return {
    message: {
      ...sampleMessages.heartbeat,
      from: asReplica(route.from),
      to: asReplica(route.to),
      context,
    },
    frames: null,
  }
}

/** Random bytes. */
export function randomBytes(random: Random, bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => integerBetween(random, 0, 255)))
}
