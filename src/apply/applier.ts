import { ClustorError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import type { LogIndex, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { assertNever, invariant } from '../base/invariant.js'
import { entryKinds } from '../raft/entry-range.js'
import type { EntryRange, EntryRun } from '../raft/entry-range.js'
import type { MembershipChangeResult } from '../raft/membership-change.js'
import { decodeCommand, decodeSessionCommand } from './command.js'
import type { SessionStamp } from './command.js'
import { SessionTable } from './sessions.js'
import type { Answer } from './sessions.js'
import { SkippedIndexes } from './skipped-indexes.js'
import type { CommittedEntry, StateMachine } from './state-machine.js'

/** Committed entries to apply, contiguous, with a way to get at each payload. */
export interface EntryBatch {
  readonly range: EntryRange
  /** The envelope bytes of the position-th entry. */
  payload(position: number): Uint8Array
}

/** Why a committed proposal did not run. Nothing was applied. */
export interface Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Puts a committed membership change in force, on every replica alike. Called in index order, for each entry of kind
 *  membership, after the entries before it were applied and before the applied index passes it.
 *  @param payload empty: leave the joint configuration. */
export type ApplyMembership = (payload: Uint8Array, index: LogIndex) => MembershipChangeResult

export interface ApplierStart {
  /** The last entry that the machine has applied. */
  readonly appliedIndex: LogIndex
  readonly sessions?: SessionTable
  /** Absent: membership entries have no effect here, for a machine that is fed without a core. */
  readonly applyMembership?: ApplyMembership
}

/** Told of every entry, in order, after it was applied: its proposer, if it is here, gets the answer. */
export type Settle = (
  index: LogIndex,
  term: Term,
  answer: Answer | null,
  refusal: Refusal | null,
) => void

/** Feeds committed entries to the state machine, in order and exactly once per session sequence. */
export class Applier {
  readonly #machine: StateMachine
  readonly #sessions: SessionTable
  readonly #applyMembership: ApplyMembership | null
  readonly #skipped = new SkippedIndexes()
  #appliedIndex: LogIndex
  #busy = false

  constructor(machine: StateMachine, start: ApplierStart) {
    this.#machine = machine
    this.#applyMembership = start.applyMembership ?? null
    this.#appliedIndex = start.appliedIndex
    this.#sessions = start.sessions ?? new SessionTable()
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex
  }

  get sessions(): SessionTable {
    return this.#sessions
  }

  /** The committed proposals that did not run: retries that had run before, and refused ones. */
  get skipped(): SkippedIndexes {
    return this.#skipped
  }

  /** Applies the entries right after the applied index. Returns undefined when the machine answered at once, a promise
   *  otherwise; until that has ended no other batch may come (P5).
   *  @throws ERR_APPLY_FAULT when the machine throws, rejects or returns another number of results;
   *  ERR_FORMAT_NEWER, ERR_LOG_CORRUPT or ERR_PROTOCOL when a committed command or membership change cannot be read. The applier is useless afterwards:
   *  the entry was neither applied nor skipped. */
  apply(batch: EntryBatch, settle: Settle | null): Promise<void> | undefined {
    const { firstIndex, lastIndex } = batch.range
    invariant(!this.#busy && firstIndex === this.#appliedIndex + 1, 'P5', {
      firstIndex,
      appliedIndex: this.#appliedIndex,
    })
    this.#busy = true
    const plan = this.#plan(batch)
    const results = plan.entries.length === 0 ? [] : this.#runMachine(plan, batch.range)
    if (results instanceof Promise) return this.#finishLater(results, plan, batch.range, settle)
    this.#finish(results, plan, { lastIndex, settle })
    return undefined
  }

  #plan(batch: EntryBatch): Plan {
    const plan: Plan = {
      runs: batch.range.runs,
      first: batch.range.firstIndex,
      answers: [],
      entries: [],
      machineAnswers: [],
      membership: [],
    }
    let position = 0
    for (const run of batch.range.runs) {
      for (let end = position + run.count; position < end; position++) {
        plan.answers.push(this.#planEntry(plan, run, position, batch))
      }
    }
    return plan
  }

  #planEntry(
    plan: Plan,
    run: EntryRun,
    position: number,
    batch: EntryBatch,
  ): Answer | Refused | null {
    const index = asIndex(plan.first + position)
    switch (run.kind) {
      case entryKinds.normal:
        return this.#planProposal(plan, run.term, index, batch.payload(position))
      case entryKinds.session:
        return this.#runSessionCommand(index, batch.payload(position))
      case entryKinds.membership:
        plan.membership.push({ position, payload: batch.payload(position) })
        return null
      case entryKinds.noop:
        return null
      default:
        return assertNever(run.kind)
    }
  }

  #planProposal(plan: Plan, term: Term, index: LogIndex, bytes: Uint8Array): Answer | Refused {
    const { stamp, payload } = decodeCommand(bytes)
    let answer: Answer
    if (stamp === null) {
      answer = { index, result: undefined }
    } else {
      const evaluation = this.#sessions.evaluate(index, stamp)
      if (evaluation.kind !== 'apply') {
        this.#skipped.add(index)
        return evaluation.kind === 'duplicate' ? evaluation.answer : refuse(evaluation, stamp)
      }
      answer = evaluation.answer
    }
    plan.entries.push({ index, term, payload })
    plan.machineAnswers.push(answer)
    return answer
  }

  #runSessionCommand(index: LogIndex, bytes: Uint8Array): Answer {
    const command = decodeSessionCommand(bytes)
    if (command.kind === 'open-session') this.#sessions.open(index, command.limits)
    else this.#sessions.close(command.session)
    return { index, result: undefined }
  }

  #runMachine(plan: Plan, range: EntryRange): readonly unknown[] | Promise<readonly unknown[]> {
    try {
      return this.#machine.apply(plan.entries)
    } catch (error) {
      throw applyFault(range, error)
    }
  }

  async #finishLater(
    results: Promise<readonly unknown[]>,
    plan: Plan,
    range: EntryRange,
    settle: Settle | null,
  ): Promise<void> {
    let settled: readonly unknown[]
    try {
      settled = await results
    } catch (error) {
      throw applyFault(range, error)
    }
    this.#finish(settled, plan, { lastIndex: range.lastIndex, settle })
  }

  /** Its proposer hears of the configuration that is in force then, or why the change had no effect. */
  #changeMembership(plan: Plan, { position, payload }: PlannedChange): void {
    if (this.#applyMembership === null) return
    const index = asIndex(plan.first + position)
    const result = this.#applyMembership(payload, index)
    plan.answers[position] =
      result.kind === 'changed'
        ? { index, result: result.configuration }
        : new Refused('ERR_MEMBERSHIP_REFUSED', result.reason, {})
  }

  #finish(
    results: readonly unknown[],
    plan: Plan,
    end: { readonly lastIndex: LogIndex; readonly settle: Settle | null },
  ): void {
    assertResults(results, plan, end.lastIndex)
    for (const [position, answer] of plan.machineAnswers.entries())
      answer.result = results[position]
    // Only what has run decides who votes: a change of this batch counts from here on.
    for (const change of plan.membership) this.#changeMembership(plan, change)
    this.#appliedIndex = end.lastIndex
    this.#busy = false
    if (end.settle !== null) settleAll(plan, end.settle)
  }
}

/** A membership entry of a batch. */
interface PlannedChange {
  readonly position: number
  readonly payload: Uint8Array
}

/** What evaluating a batch found, before the machine ran. */
interface Plan {
  readonly runs: readonly EntryRun[]
  readonly first: LogIndex
  /** One per entry of the batch. */
  readonly answers: (Answer | Refused | null)[]
  /** What the machine gets, and where its results go. */
  readonly entries: CommittedEntry[]
  readonly machineAnswers: Answer[]
  readonly membership: PlannedChange[]
}

class Refused implements Refusal {
  readonly code: ErrorCode
  readonly message: string
  readonly fields: Refusal['fields']

  constructor(code: ErrorCode, message: string, fields: Refusal['fields']) {
    this.code = code
    this.message = message
    this.fields = fields
  }
}

function settleAll(plan: Plan, settle: Settle): void {
  let position = 0
  for (const { term, count } of plan.runs) {
    for (let end = position + count; position < end; position++) {
      const answer = plan.answers[position] ?? null
      const index = asIndex(plan.first + position)
      if (answer instanceof Refused) settle(index, term, null, answer)
      else settle(index, term, answer, null)
    }
  }
}

function refuse(
  evaluation:
    { kind: 'expired' } | { kind: 'window-full' } | { kind: 'gap'; expectedSequence: number },
  { session, sequence }: SessionStamp,
): Refused {
  const fields = { session, sequence }
  switch (evaluation.kind) {
    case 'expired': {
      const message = `session ${session} is not in the table; open another one`
      return new Refused('ERR_SESSION_EXPIRED', message, fields)
    }
    case 'gap': {
      const { expectedSequence } = evaluation
      const message = `session ${session} expects sequence ${expectedSequence}, got ${sequence}; propose in order`
      return new Refused('ERR_SESSION_GAP', message, { ...fields, expectedSequence })
    }
    case 'window-full': {
      const message = `session ${session} keeps all the answers it may; acknowledge some and propose ${sequence} again`
      return new Refused('ERR_BUSY', message, fields)
    }
    default:
      return assertNever(evaluation)
  }
}

function assertResults(results: readonly unknown[], plan: Plan, lastIndex: LogIndex): void {
  if (Array.isArray(results) && results.length === plan.entries.length) return
  const returned = Array.isArray(results) ? `${results.length} results` : 'no array'
  throw new ClustorError(
    'ERR_APPLY_FAULT',
    `the state machine returned ${returned} for ${plan.entries.length} entries`,
    { outcome: 'unknown', fields: { firstIndex: plan.first, lastIndex } },
  )
}

function applyFault(range: EntryRange, cause: unknown): ClustorError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ClustorError(
    'ERR_APPLY_FAULT',
    `the state machine failed on entries ${range.firstIndex} to ${range.lastIndex}: ${reason}`,
    {
      cause,
      outcome: 'unknown',
      fields: { firstIndex: range.firstIndex, lastIndex: range.lastIndex },
    },
  )
}
