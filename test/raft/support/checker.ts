import type { VoterSets } from '../../../src/raft/ready.js'
import type { MemoryDisk, StoredEntry } from './disk.js'
import type { TestReplica } from './replica.js'

interface Committed {
  readonly entry: StoredEntry
  /** The first term in which a replica knew the entry to be committed. */
  readonly inTerm: number
}

interface Seen {
  readonly term: number
  readonly vote: number
  readonly commitIndex: number
}

/** Watches a cluster from the outside and throws when a safety property of Raft is broken.
 *  The numbers are those of docs/invariants.md. */
export class SafetyChecker {
  readonly #leaders = new Map<number, number>()
  readonly #committed: (Committed | undefined)[] = []
  readonly #durableVotes = new Map<string, number>()
  readonly #seen = new Map<number, Seen>()
  /** The configuration and the commit index of each replica when it was last looked at. */
  readonly #quorums = new Map<number, { voters: VoterSets; commitIndex: number }>()
  /** How many of its applied entries were looked at, per replica. */
  readonly #appliedSeen = new Map<number, number>()

  /** Checks everything. */
  check(replicas: readonly TestReplica[]): void {
    for (const replica of replicas) this.checkReplica(replica, replicas)
    checkLogMatching(replicas.map((replica) => replica.disk))
  }

  /** Checks what a step of one replica can have broken, except for R21. */
  checkReplica(replica: TestReplica, replicas: readonly TestReplica[]): void {
    const { id, role, term, vote, commitIndex } = replica.core.status()
    this.#checkStateMachineSafety(replica)
    if (role === 'leader') this.#checkElectionSafety(replica)
    this.#checkMonotonic(id, { term, vote, commitIndex })
    this.#checkDurableVote(replica)
    this.#checkCommittedIsDurable(replica, replicas)
  }

  /** A replica lost its memory: it starts again from its disk. */
  forget(id: number): void {
    this.#seen.delete(id)
    this.#appliedSeen.delete(id)
    this.#quorums.delete(id)
  }

  /** R20: at most one leader per term. R22: it holds every entry committed in an earlier term. */
  #checkElectionSafety(replica: TestReplica): void {
    const { id, term, firstIndex, lastIndex } = replica.core.status()
    const known = this.#leaders.get(term)
    expect(known === undefined || known === id, 'R20', { term, known, id })
    if (known === id) return
    this.#leaders.set(term, id)
    for (const [index, committed] of this.#committed.entries()) {
      if (committed === undefined || committed.inTerm >= term || index < firstIndex) continue
      expect(index <= lastIndex, 'R22', { id, term, index, lastIndex })
      const { runs } = replica.core.entries(index as never, index as never)
      expect(runs[0]?.term === committed.entry.term, 'R22', { id, term, index })
    }
  }

  /** R1, R5: neither falls while a replica lives. R2: a vote is not taken back within its term. */
  #checkMonotonic(id: number, now: Seen): void {
    const before = this.#seen.get(id)
    this.#seen.set(id, now)
    if (before === undefined) return
    expect(now.term >= before.term, 'R1', { id, now: now.term, before: before.term })
    expect(now.commitIndex >= before.commitIndex, 'R5', { id, now, before })
    const keptVote = now.term > before.term || before.vote === 0 || now.vote === before.vote
    expect(keptVote, 'R2', { id, now, before })
  }

  /** R2 on disk: also across crashes, one vote a term. */
  #checkDurableVote({ id, disk }: TestReplica): void {
    const { term, vote } = disk.hardState
    if (vote === 0) return
    const key = `${id}/${term}`
    const known = this.#durableVotes.get(key)
    expect(known === undefined || known === vote, 'R2', { id, term, known, vote })
    this.#durableVotes.set(key, vote)
  }

  /** R23: what two replicas apply at one index is the same entry. */
  #checkStateMachineSafety(replica: TestReplica): void {
    const { term } = replica.core.status()
    const seen = this.#appliedSeen.get(replica.id) ?? 0
    this.#appliedSeen.set(replica.id, replica.applied.length)
    for (const { index, entry } of replica.applied.slice(seen)) {
      const known = this.#committed[index]
      if (known === undefined) this.#committed[index] = { entry, inTerm: term }
      else expect(sameEntry(known.entry, entry), 'R23', { id: replica.id, index, known, entry })
    }
  }

  /** R24: what a leader newly commits is on the disks of a majority, of both halves of the configuration: of the one
   *  in force now, or of the one before, if what was committed is the change from the one to the other. */
  #checkCommittedIsDurable(replica: TestReplica, replicas: readonly TestReplica[]): void {
    const { id, role, commitIndex, voters } = replica.core.status()
    const before = this.#quorums.get(id) ?? { voters, commitIndex: 0 }
    this.#quorums.set(id, { voters, commitIndex })
    if (before.commitIndex === commitIndex) return
    if (role !== 'leader' || commitIndex === 0) return
    const entry = this.#committed[commitIndex]?.entry
    if (entry === undefined) return
    const holders = replicas.filter(({ disk }) => {
      const stored = disk.entries[commitIndex - 1]
      return stored !== undefined && sameEntry(stored, entry)
    })
    const holderIds = holders.map((holder) => holder.id)
    const held = [voters, before.voters].some((sets) => isHeldBy(sets, holderIds))
    expect(held, 'R24', { id, commitIndex, voters, holderIds })
  }
}

/** R21: where two logs have an entry of the same term at an index, they are the same up to there. */
function checkLogMatching(disks: readonly MemoryDisk[]): void {
  for (const [position, a] of disks.entries()) {
    for (const b of disks.slice(position + 1)) checkPairMatches(a.entries, b.entries)
  }
}

function checkPairMatches(a: readonly StoredEntry[], b: readonly StoredEntry[]): void {
  let matched = false
  for (let position = Math.min(a.length, b.length) - 1; position >= 0; position--) {
    const first = a[position] as StoredEntry
    const second = b[position] as StoredEntry
    matched ||= first.term === second.term
    if (matched) expect(sameEntry(first, second), 'R21', { index: position + 1, first, second })
  }
}

function isHeldBy({ incoming, outgoing }: VoterSets, holderIds: readonly number[]): boolean {
  return [incoming, outgoing].every((half) => {
    const holding = half.filter((id) => holderIds.includes(id)).length
    return half.length === 0 || holding * 2 > half.length
  })
}

const sameEntry = (a: StoredEntry, b: StoredEntry): boolean =>
  a.term === b.term && a.kind === b.kind && a.bytes === b.bytes

function expect(holds: boolean, id: string, values: object): void {
  if (!holds) throw new Error(`${id} does not hold: ${JSON.stringify(values)}`)
}
