import type { Message } from '../../../src/raft/messages.js'
import { clusterOf } from './cluster.js'
import { voteResponse } from './messages.js'
import type { CoreSettings, TestReplica } from './replica.js'

/** Raft as the paper has it: without pre-vote and check-quorum. */
export const classic: CoreSettings = { preVote: false, checkQuorum: false }

/** Replica 1 of three, a follower whose log holds entries of the given terms. The others are played by the test.
 *  @param term its current term; that of its last entry unless given. */
export const lone = (
  terms: readonly number[] = [],
  term = terms.at(-1) ?? 0,
  settings: CoreSettings = classic,
): TestReplica => clusterOf([{ terms, term }, { terms: [] }, { terms: [] }], settings).replica(1)

/** The same, as a candidate of the next term whose requests have left. */
export function candidate(terms: readonly number[] = [], term = terms.at(-1) ?? 0): TestReplica {
  const replica = lone(terms, term)
  replica.core.campaign()
  replica.settle()
  replica.takeOutgoing()
  return replica
}

/** The same, as the leader of the next term whose first appends have left. */
export function leader(terms: readonly number[] = [], term = terms.at(-1) ?? 0): TestReplica {
  const replica = candidate(terms, term)
  replica.step(voteResponse({ term: term + 1 }))
  replica.settle()
  replica.takeOutgoing()
  return replica
}

/** What a replica has sent since the last look, everything that waits for the disk included. */
export function sentBy(replica: TestReplica): Message[] {
  replica.settle()
  return replica.takeOutgoing()
}

/** The same, as far as most tests care. */
export const envelopesOf = (
  replica: TestReplica,
): { readonly kind: string; readonly to: number; readonly term: number }[] =>
  sentBy(replica).map(({ kind, to, term }) => ({ kind, to, term }))

/** The terms of a replica's entries on disk, from index 1 on. */
export const termsOf = ({ disk }: TestReplica): number[] => disk.entries.map(({ term }) => term)
