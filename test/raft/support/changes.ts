import { asReplica } from '../../../src/base/ids.js'
import type {
  MembershipChange,
  MembershipTransition,
  ReplicaChange,
} from '../../../src/raft/membership.js'

const kindOf: Readonly<Record<string, ReplicaChange['kind']>> = {
  v: 'add-voter',
  l: 'add-learner',
  r: 'remove',
  u: 'update',
}

/** The changes that words like `v2` (voter), `l3` (learner), `r1` (remove) and `u4` (update) stand for. */
export const parseChanges = (words: readonly string[]): ReplicaChange[] =>
  words.map((word) => {
    const kind = kindOf[word.slice(0, 1)]
    if (kind === undefined) throw new Error(`unknown change ${word}`)
    return { kind, id: asReplica(Number(word.slice(1))) }
  })

export const changeOf = (
  text: string,
  transition: MembershipTransition = 'auto',
): MembershipChange => ({
  transition,
  changes: parseChanges(text.split(' ').filter((word) => word !== '')),
})
