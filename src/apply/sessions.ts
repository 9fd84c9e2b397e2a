/** Exactly-once sessions (Raft dissertation §6.3), first in first out.
 *
 *  A session numbers its proposals 1, 2, 3 …. The table applies each number once and in sequence, and repeats the stored
 *  answer to a retry. It is part of the replicated state: what it decides depends on nothing but the entries before, so
 *  that every replica decides alike, whatever its batches and its configuration are. Hence the limits of a session come
 *  from the entry that opened it, and bounds count answers, not their bytes (answers of a batch are not known yet while
 *  the batch is being evaluated). */
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { SessionLimits, SessionStamp } from './command.js'

/** Answers that all sessions of a partition keep together, at most; beyond it the least recently used sessions expire. */
export const answersTotalMax = 1_000_000

/** The place of an answer: it is filled when the state machine has run, and read by retries from then on. */
export interface Answer {
  /** Where the proposal was applied; a retry is answered with the same index. */
  readonly index: LogIndex
  result: unknown
}

/** What to do with a proposal. */
export type Evaluation =
  /** Run it and put the result into `answer`. */
  | { readonly kind: 'apply'; readonly answer: Answer }
  /** It ran before: repeat the answer. */
  | { readonly kind: 'duplicate'; readonly answer: Answer }
  /** An earlier proposal of the session is missing: `expectedSequence` must come first. */
  | { readonly kind: 'gap'; readonly expectedSequence: number }
  /** The session is not in the table: never opened, closed, or forgotten for want of room. */
  | { readonly kind: 'expired' }
  /** The session keeps as many unacknowledged answers as it may. */
  | { readonly kind: 'window-full' }

/** A session as data, for snapshots. */
export interface SessionRecord {
  readonly session: LogIndex
  readonly answersMax: number
  readonly lastUsedIndex: LogIndex
  readonly lastSequence: number
  /** Of the last `answers.length` sequences. */
  readonly answers: readonly Readonly<Answer>[]
}

interface Session {
  readonly answersMax: number
  lastUsedIndex: LogIndex
  /** The last sequence that ran. */
  lastSequence: number
  /** Answers of the last sequences; the first `forgottenCount` of the array are not kept any more. */
  answers: (Answer | null)[]
  forgottenCount: number
}

/** The session table of one partition. */
export class SessionTable {
  readonly #sessions = new Map<LogIndex, Session>()
  #answerCount = 0

  /** Rebuilds a table from its records. */
  static restore(records: readonly SessionRecord[]): SessionTable {
    const table = new SessionTable()
    for (const record of records) {
      const answers = record.answers.map((answer) => ({ ...answer }))
      table.#sessions.set(record.session, {
        answersMax: record.answersMax,
        lastUsedIndex: record.lastUsedIndex,
        lastSequence: record.lastSequence,
        answers,
        forgottenCount: 0,
      })
      table.#answerCount += answers.length
    }
    return table
  }

  /** How many sessions are known. */
  get count(): number {
    return this.#sessions.size
  }

  /** Opens the session whose id is the index of its entry; makes room for it first. */
  open(index: LogIndex, limits: SessionLimits): void {
    while (this.#sessions.size >= limits.sessionsMax) this.#expireLeastRecent(null)
    this.#sessions.set(index, {
      answersMax: limits.answersMax,
      lastUsedIndex: index,
      lastSequence: 0,
      answers: [],
      forgottenCount: 0,
    })
  }

  /** Forgets a session. Closing one that is not there has no effect. */
  close(session: LogIndex): void {
    this.#answerCount -= keptCount(this.#sessions.get(session))
    this.#sessions.delete(session)
  }

  /** Decides about the proposal of the entry at `index`. An `apply` counts as run from here on. */
  evaluate(index: LogIndex, stamp: SessionStamp): Evaluation {
    const session = this.#sessions.get(stamp.session)
    if (session === undefined) return { kind: 'expired' }
    session.lastUsedIndex = index
    this.#forget(session, stamp.acknowledgedSequence)
    if (stamp.sequence <= session.lastSequence) {
      return { kind: 'duplicate', answer: answerOf(session, stamp.sequence, index) }
    }
    if (stamp.sequence > session.lastSequence + 1) {
      return { kind: 'gap', expectedSequence: session.lastSequence + 1 }
    }
    if (keptCount(session) >= session.answersMax) return { kind: 'window-full' }
    return { kind: 'apply', answer: this.#remember(session, index) }
  }

  /** The table as data, in the order of session ids. Answers must be filled. */
  records(): readonly SessionRecord[] {
    return [...this.#sessions.entries()]
      .sort(([a], [b]) => a - b)
      .map(([session, state]) => ({
        session,
        answersMax: state.answersMax,
        lastUsedIndex: state.lastUsedIndex,
        lastSequence: state.lastSequence,
        answers: state.answers.flatMap((answer) => answer ?? []),
      }))
  }

  #remember(session: Session, index: LogIndex): Answer {
    const answer: Answer = { index, result: undefined }
    session.answers.push(answer)
    session.lastSequence += 1
    this.#answerCount += 1
    while (this.#answerCount > answersTotalMax && this.#sessions.size > 1) {
      this.#expireLeastRecent(session)
    }
    return answer
  }

  #forget(session: Session, acknowledgedSequence: number): void {
    const firstKept = session.lastSequence - keptCount(session) + 1
    const upTo = Math.min(acknowledgedSequence, session.lastSequence)
    for (let sequence = firstKept; sequence <= upTo; sequence++) {
      session.answers[session.forgottenCount++] = null
      this.#answerCount -= 1
    }
    if (session.forgottenCount > 64 && session.forgottenCount * 2 > session.answers.length) {
      session.answers = session.answers.slice(session.forgottenCount)
      session.forgottenCount = 0
    }
  }

  // Indexes are unique, so the least recently used session is the same one on every replica.
  #expireLeastRecent(spared: Session | null): void {
    let oldest: LogIndex = asIndex(0)
    let oldestUse = Infinity
    for (const [id, session] of this.#sessions) {
      if (session === spared || session.lastUsedIndex >= oldestUse) continue
      oldest = id
      oldestUse = session.lastUsedIndex
    }
    this.close(oldest)
  }
}

/** The kept answer; without a result for a retry whose answer the client has said to have: nobody waits for it. */
function answerOf(session: Session, sequence: number, index: LogIndex): Answer {
  const position = session.answers.length - 1 - (session.lastSequence - sequence)
  return session.answers[position] ?? { index, result: undefined }
}

function keptCount(session: Session | undefined): number {
  return session === undefined ? 0 : session.answers.length - session.forgottenCount
}
