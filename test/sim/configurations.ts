import type { ReplicaId } from '../../src/base/ids.js'
import { entryKinds } from '../../src/raft/entry-range.js'
import { changeMembership } from '../../src/raft/membership-change.js'
import { decodeMembershipChange } from '../../src/raft/membership-codec.js'
import { memberIds } from '../../src/raft/membership.js'
import type { MembershipConfiguration } from '../../src/raft/membership.js'
import type { VoterSets } from '../../src/raft/ready.js'
import { PayloadCursor } from '../../src/wal/frames.js'
import type { FrameBatch } from '../../src/wal/replica-log.js'

/** A configuration, and the entry that put it in force; 0 for the first one. */
export interface CommittedConfiguration {
  readonly index: number
  readonly configuration: MembershipConfiguration
}

/** The configurations of a cluster in the order of its log, as far as they were committed. */
export class Configurations {
  readonly #committed: CommittedConfiguration[]
  readonly #cursor = new PayloadCursor()

  constructor(voters: readonly ReplicaId[]) {
    const configuration = {
      ...{ incoming: voters, outgoing: [], learners: [], learnersNext: [] },
      autoLeave: false,
    }
    this.#committed = [{ index: 0, configuration }]
  }

  get latest(): CommittedConfiguration {
    return this.#committed.at(-1) as CommittedConfiguration
  }

  /** Whether a replica belonged to the cluster at some time. */
  everHad(id: ReplicaId): boolean {
    return this.#committed.some(({ configuration }) => memberIds(configuration).includes(id))
  }

  /** An entry is committed; to be called in the order of the log. */
  note(index: number, entry: FrameBatch): void {
    if (!isMembershipEntry(entry)) return
    const change = decodeMembershipChange(this.#cursor.payload(entry, 0))
    const result = changeMembership(this.latest.configuration, change)
    if (result.kind === 'changed')
      this.#committed.push({ index, configuration: result.configuration })
  }

  /** Under which configurations an entry may have been committed: that of the entry before it or, if its leader had not applied
   *  the last change yet, the one before that; whoever has a second change in its log knows that the first one is committed. */
  before(index: number): readonly VoterSets[] {
    let end = this.#committed.length
    while (end > 1 && (this.#committed[end - 1]?.index ?? 0) >= index) end -= 1
    return this.#committed.slice(Math.max(0, end - 2), end).map((each) => each.configuration)
  }
}

export const isMembershipEntry = ({ range }: FrameBatch): boolean =>
  range.runs[0]?.kind === entryKinds.membership

/** Whether some replicas are a majority of both halves. The simulator counts by itself: the product may be wrong. */
export function isQuorum({ incoming, outgoing }: VoterSets, ids: ReadonlySet<number>): boolean {
  return isMajority(incoming, ids) && (outgoing.length === 0 || isMajority(outgoing, ids))
}

function isMajority(voters: readonly ReplicaId[], ids: ReadonlySet<number>): boolean {
  const count = voters.filter((id) => ids.has(id)).length
  return count * 2 > voters.length
}
