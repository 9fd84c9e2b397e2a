import type { ReplicaId, Term } from '../../src/base/ids.js'
import { isVoterOf } from '../../src/raft/membership.js'
import type {
  Message,
  PreVote,
  PreVoteResponse,
  RequestVote,
  RequestVoteResponse,
} from '../../src/raft/messages.js'
import type { CoreOptions, CoreStatus } from '../../src/raft/ready.js'
import { messageNames } from './describe.js'
import type { Journal } from './journal.js'

/** A node as the handler of a message finds it: after the message's term was taken over. */
export type Seen = CoreStatus

/** Tells what happens to terms, roles and votes. */
export class ElectionNarrator {
  readonly #options: CoreOptions
  readonly #journal: Journal
  readonly #votes = new Map<ReplicaId, boolean>()

  constructor(options: CoreOptions, journal: Journal) {
    this.#options = options
    this.#journal = journal
  }

  sayTick(before: CoreStatus, after: CoreStatus): void {
    const { id, role, electionElapsedTicks, electionTimeoutTicks, voters } = before
    if (role === 'leader') {
      if (after.role === 'leader') return
      this.#journal.warn(`${id} stepped down to follower since quorum is not active`)
      this.#sayFollower(after)
      return
    }
    const isTimeOver = electionElapsedTicks + 1 >= electionTimeoutTicks
    if (isTimeOver && isVoterOf(voters, id)) this.sayCampaign(before, after)
  }

  sayCampaign(before: CoreStatus, after: CoreStatus): void {
    const { id, role, term, voters } = before
    if (role === 'leader') {
      this.#journal.debug(`${id} ignoring MsgHup because already leader`)
    } else if (!isVoterOf(voters, id)) {
      this.#journal.warn(`${id} is unpromotable and can not campaign`)
    } else if (after.role === 'follower') {
      const why = 'since there are still pending configuration changes to apply'
      this.#journal.warn(`${id} cannot campaign at term ${term} ${why}`)
    } else {
      this.#journal.info(`${id} is starting a new election at term ${term}`)
      this.#sayRequests(after)
    }
  }

  /** Tells what the term of a message does.
   *  @returns the node as the handler of the message finds it; undefined when the message is not handled. */
  enterTerm(before: CoreStatus, message: Message, after: CoreStatus): Seen | undefined {
    if (message.term < before.term) {
      this.#sayOldTerm(before, message)
      return undefined
    }
    if (message.term === before.term) return before
    return this.#enterNewTerm(before, message, after)
  }

  /** Whether the scripts' own core drops a request of an older term without a word to its sender; ours tells the newer term. */
  leavesUnanswered(before: CoreStatus, { term, kind }: Message): boolean {
    if (term >= before.term) return false
    if (kind === 'append-entries' || kind === 'heartbeat') return !this.#answersOldLeaders
    return kind === 'request-vote' || kind === 'install-snapshot'
  }

  get #answersOldLeaders(): boolean {
    const { preVote, checkQuorum } = this.#options
    return preVote === true || checkQuorum === true
  }

  /** Tells what candidates and voters do with a message of their term. */
  sayHandled(seen: Seen, message: Message, after: CoreStatus): void {
    switch (message.kind) {
      case 'pre-vote':
      case 'request-vote':
        this.#sayCast(seen, message)
        return
      case 'pre-vote-response':
        if (seen.role === 'pre-candidate') this.#sayVote(message, after)
        return
      case 'request-vote-response':
        if (seen.role === 'candidate') this.#sayVote(message, after)
        return
      case 'append-entries':
      case 'heartbeat':
      case 'install-snapshot':
        if (seen.role !== 'follower') this.#sayFollower(after)
        return
      case 'timeout-now':
        this.#sayTimeoutNow(seen, message, after)
        return
      default:
    }
  }

  #sayFollower({ id, term }: CoreStatus): void {
    this.#journal.info(`${id} became follower at term ${term}`)
  }

  /** A campaign has begun: the role, and the requests in the order of the voters' ids. */
  #sayRequests({ id, role, term, voters, lastTerm, lastIndex }: CoreStatus): void {
    this.#votes.clear()
    const [name, kind] =
      role === 'candidate' ? ['candidate', 'MsgVote'] : ['pre-candidate', 'MsgPreVote']
    this.#journal.info(`${id} became ${name} at term ${term}`)
    const everybody = [...new Set([...voters.incoming, ...voters.outgoing])].sort((a, b) => a - b)
    for (const to of everybody.filter((voter) => voter !== id)) {
      const log = `[logterm: ${lastTerm}, index: ${lastIndex}]`
      this.#journal.info(`${id} ${log} sent ${kind} request to ${to} at term ${term}`)
    }
  }

  #sayOldTerm(before: CoreStatus, message: Message): void {
    const { kind, from, term } = message
    const isOfLeader = kind === 'append-entries' || kind === 'heartbeat'
    if (isOfLeader && this.#answersOldLeaders) return
    if (message.kind === 'pre-vote') {
      this.#sayVerdict(before, message, 'rejected')
      return
    }
    const what = `a ${messageNames[kind]} message with lower term from ${from} [term: ${term}]`
    this.#journal.info(`${before.id} [term: ${before.term}] ignored ${what}`)
  }

  #enterNewTerm(before: CoreStatus, message: Message, after: CoreStatus): Seen | undefined {
    const { kind, from, term } = message
    if (this.#isShielded(before, message)) {
      this.#sayShielded(before, message)
      return undefined
    }
    const onlyAsks = kind === 'pre-vote' || (kind === 'pre-vote-response' && !message.rejected)
    if (onlyAsks) return before
    if (after.term < term) return undefined
    const what = `a ${messageNames[kind]} message with higher term from ${from} [term: ${term}]`
    this.#journal.info(`${before.id} [term: ${before.term}] received ${what}`)
    const seen = { ...before, role: 'follower', term, vote: 0 as ReplicaId } as const
    this.#sayFollower(seen)
    return { ...seen, leader: 0 as ReplicaId }
  }

  /** Whether a leader was heard too lately to listen to a candidate. */
  #isShielded(before: CoreStatus, message: Message): message is PreVote | RequestVote {
    if (message.kind !== 'pre-vote' && message.kind !== 'request-vote') return false
    const { leader, electionElapsedTicks } = before
    const isLate = electionElapsedTicks >= (this.#options.electionTicksMin ?? 0)
    const isShielded = this.#options.checkQuorum === true && leader !== 0 && !isLate
    return isShielded && !('leadershipTransfer' in message)
  }

  #sayShielded(before: CoreStatus, message: PreVote | RequestVote): void {
    const remaining = (this.#options.electionTicksMin ?? 0) - before.electionElapsedTicks
    const why = `lease is not expired (remaining ticks: ${remaining})`
    this.#journal.info(`${describeVerdict(before, message, 'ignored', 'from')}: ${why}`)
  }

  #sayCast(seen: Seen, message: PreVote | RequestVote): void {
    const { vote, leader, lastTerm, lastIndex, term } = seen
    const mayVote =
      vote === message.from ||
      (vote === 0 && leader === 0) ||
      (message.kind === 'pre-vote' && message.term > term)
    const isComplete =
      message.lastTerm > lastTerm ||
      (message.lastTerm === lastTerm && message.lastIndex >= lastIndex)
    this.#sayVerdict(seen, message, mayVote && isComplete ? 'cast' : 'rejected')
  }

  #sayVerdict(seen: Seen, message: PreVote | RequestVote, verdict: 'cast' | 'rejected'): void {
    const preposition = verdict === 'cast' ? 'for' : 'from'
    this.#journal.info(describeVerdict(seen, message, verdict, preposition))
  }

  #sayVote(message: PreVoteResponse | RequestVoteResponse, after: CoreStatus): void {
    const { id, voters } = after
    const { from, rejected, kind } = message
    const name = messageNames[kind]
    // A pre-candidate that has won is in the next term already.
    const term =
      kind === 'pre-vote-response' && after.role === 'candidate' ? after.term - 1 : after.term
    const what = rejected ? `${name} rejection` : name
    this.#journal.info(`${id} received ${what} from ${from} at term ${term}`)
    if (!this.#votes.has(from)) this.#votes.set(from, !rejected)
    const counted = [...this.#votes].filter(([voter]) => isVoterOf(voters, voter))
    const granted = counted.filter(([, vote]) => vote).length
    const refused = `${counted.length - granted} vote rejections`
    this.#journal.info(`${id} has received ${granted} ${name} votes and ${refused}`)
    this.#sayOutcome(kind, after)
  }

  #sayOutcome(kind: Message['kind'], after: CoreStatus): void {
    const { id, role, term } = after
    if (role === 'leader') this.#journal.info(`${id} became leader at term ${term}`)
    else if (role === 'follower') this.#sayFollower(after)
    else if (role === 'candidate' && kind === 'pre-vote-response') this.#sayRequests(after)
  }

  #sayTimeoutNow(seen: Seen, { from }: { readonly from: ReplicaId }, after: CoreStatus): void {
    const { id, role, term } = seen
    if (role === 'follower') {
      const what = `received MsgTimeoutNow from ${from} and starts an election to get leadership.`
      this.#journal.info(`${id} [term ${term}] ${what}`)
      this.sayCampaign(seen, after)
    } else if (role !== 'leader') {
      const state = role === 'candidate' ? 'StateCandidate' : 'StatePreCandidate'
      this.#journal.debug(`${id} [term ${term} state ${state}] ignored MsgTimeoutNow from ${from}`)
    }
  }
}

function describeVerdict(
  { id, vote, term, lastTerm, lastIndex }: { readonly term: Term } & CoreStatus,
  message: PreVote | RequestVote,
  verdict: string,
  preposition: 'for' | 'from',
): string {
  const own = `[logterm: ${lastTerm}, index: ${lastIndex}, vote: ${vote}]`
  const theirs = `[logterm: ${message.lastTerm}, index: ${message.lastIndex}]`
  const what = `${verdict} ${messageNames[message.kind]} ${preposition} ${message.from}`
  return `${id} ${own} ${what} ${theirs} at term ${term}`
}
