import type { Answer } from '../apply/sessions.js'
import type { Refusal } from '../apply/applier.js'
import { ClustorError } from '../base/errors.js'
import type { Outcome } from '../base/errors.js'
import type { LogIndex, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { Fifo } from '../base/fifo.js'
import { entryKinds } from '../raft/entry-range.js'
import type { EntryKind } from '../raft/entry-range.js'
import { frameOverheadBytes } from '../wal/frames.js'

/** What a committed and applied proposal gives. */
export interface ProposeResult {
  /** Where it was applied: for a retry within a session, the index of the first time. */
  readonly index: LogIndex
  /** The term of the entry that brought this answer. */
  readonly term: Term
  /** What the state machine returned for the entry; of a membership change the configuration in force after it;
   *  undefined for session commands. */
  readonly result: unknown
}

/** Told exactly once what became of a proposal. */
export interface ProposalWaiter {
  resolve(result: ProposeResult): void
  reject(error: ClustorError): void
}

/** A proposal on its way in. */
export interface ProposalRequest {
  readonly kind: EntryKind
  /** The envelope, as it will stand in the log. */
  readonly bytes: Uint8Array
  /** On the clock of `ProposalQueue`; Infinity for none. */
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  readonly waiter: ProposalWaiter
}

/** How much may wait. */
export interface ProposalLimits {
  readonly countMax: number
  readonly bytesMax: number
  /** Of one batch: it becomes one block and one append message. */
  readonly batchBytesMax: number
  readonly batchCountMax: number
}

class Proposal {
  readonly kind: EntryKind
  readonly frameBytes: number
  bytes: Uint8Array | null
  deadlineMs: number
  index = asIndex(0)
  term = 0 as Term
  waiter: ProposalWaiter | null
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined

  constructor({ kind, bytes, deadlineMs, waiter, signal }: ProposalRequest) {
    this.kind = kind
    this.bytes = bytes
    this.frameBytes = bytes.length + frameOverheadBytes
    this.deadlineMs = deadlineMs
    this.waiter = waiter
    this.signal = signal
  }
}

/** Proposals of one turn that become entries of one kind. */
export interface ProposalBatch {
  readonly kind: EntryKind
  readonly payloads: readonly Uint8Array[]
  readonly byteLengths: Uint32Array
}

/** The proposals of one partition, from the call to the answer.
 *
 *  `waiting` ones have no index yet: when they fail, nothing was applied. `inFlight` ones are entries of this leadership's
 *  log, in index order. When leadership is lost they become `lost`: what is applied at their index decides (the same
 *  term: they were committed after all; another term: they never will be), or a deadline does, with outcome unknown. */
export class ProposalQueue {
  readonly #limits: ProposalLimits
  readonly #waiting = new Fifo<Proposal>()
  readonly #inFlight = new Fifo<Proposal>()
  readonly #lost = new Map<LogIndex, Proposal[]>()
  #taken: Proposal[] = []
  #bytes = 0

  constructor(limits: ProposalLimits) {
    this.#limits = limits
  }

  get waitingCount(): number {
    return this.#waiting.length
  }

  get inFlightCount(): number {
    return this.#inFlight.length
  }

  /** Whether `settle` has anybody to tell. */
  get expectsAnswers(): boolean {
    return this.#inFlight.length > 0 || this.#lost.size > 0
  }

  /** Queues a proposal, or rejects it with ERR_BUSY or ERR_ABORTED at once. */
  add(request: ProposalRequest): void {
    const { signal, waiter } = request
    if (signal?.aborted === true) {
      waiter.reject(aborted('not-applied', signal))
      return
    }
    const proposal = new Proposal(request)
    const count = this.#waiting.length + this.#inFlight.length
    if (count >= this.#limits.countMax || !this.#admits(proposal.frameBytes)) {
      waiter.reject(busy(count, this.#bytes))
      return
    }
    this.#bytes += proposal.frameBytes
    this.#waiting.push(proposal)
    if (signal !== undefined) this.#listen(proposal, signal)
  }

  /** The next proposals of one kind, oldest first, of membership changes only one; null when none wait. Follow it with `accepted` or `dropped`. */
  takeBatch(): ProposalBatch | null {
    const { batchBytesMax, batchCountMax } = this.#limits
    const taken: Proposal[] = []
    let bytes = 0
    for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
      if (next.waiter === null) {
        this.#waiting.shift()
        continue
      }
      const first = taken[0] ?? next
      const countMax = first.kind === entryKinds.membership ? 1 : batchCountMax
      const full = taken.length >= countMax || bytes + next.frameBytes > batchBytesMax
      if (next.kind !== first.kind || (taken.length > 0 && full)) break
      taken.push(next)
      bytes += next.frameBytes
      this.#waiting.shift()
    }
    this.#taken = taken
    return taken[0] === undefined ? null : asBatch(taken, taken[0].kind)
  }

  /** The taken batch became entries of `term` from `firstIndex` on.
   *  @param lostUntilMs until when entries of an earlier leadership, if there are any left, wait for their fate. */
  accepted(term: Term, firstIndex: LogIndex, lostUntilMs: number): void {
    const oldest = this.#inFlight.peek()
    if (oldest !== undefined && oldest.term !== term) this.leadershipLost(lostUntilMs)
    for (const [position, proposal] of this.#taken.entries()) {
      proposal.term = term
      proposal.index = asIndex(firstIndex + position)
      proposal.bytes = null
      this.#inFlight.push(proposal)
    }
    this.#taken = []
  }

  /** The taken batch was refused by the core. */
  dropped(error: () => ClustorError): void {
    for (const proposal of this.#taken) this.#reject(proposal, error())
    this.#taken = []
  }

  /** An entry was applied, in index order. */
  settle(index: LogIndex, term: Term, answer: Answer | null, refusal: Refusal | null): void {
    if (this.#lost.size > 0) this.#settleLost(index, { term, answer, refusal })
    const head = this.#inFlight.peek()
    if (head?.index !== index) return
    this.#inFlight.shift()
    this.#conclude(head, { term, answer, refusal })
  }

  /** This replica leads no more: entries in flight may still commit. They wait for that until `untilMs` at most. */
  leadershipLost(untilMs: number): void {
    for (let next = this.#inFlight.shift(); next !== undefined; next = this.#inFlight.shift()) {
      next.deadlineMs = Math.min(next.deadlineMs, untilMs)
      const others = this.#lost.get(next.index)
      if (others === undefined) this.#lost.set(next.index, [next])
      else others.push(next)
    }
  }

  /** Fails what is past its deadline. */
  expire(nowMs: number): void {
    for (const proposal of this.#waiting) {
      if (proposal.deadlineMs <= nowMs) this.#reject(proposal, timedOut('not-applied'))
    }
    for (const proposal of this.#inFlight) {
      if (proposal.deadlineMs <= nowMs) this.#reject(proposal, timedOut('unknown'))
    }
    for (const [index, proposals] of this.#lost) {
      for (const proposal of proposals) {
        if (proposal.deadlineMs <= nowMs) this.#reject(proposal, lost('unknown', proposal))
      }
      if (proposals.every(({ waiter }) => waiter === null)) this.#lost.delete(index)
    }
  }

  /** Fails everything: what waits with outcome not-applied, what is in the log with outcome unknown. */
  failAll(error: (outcome: Outcome) => ClustorError): void {
    this.failWaiting(() => error('not-applied'))
    this.failInFlight(() => error('unknown'))
    for (const proposals of this.#lost.values()) {
      for (const proposal of proposals) this.#reject(proposal, error('unknown'))
    }
    this.#lost.clear()
  }

  /** Fails what has no index yet. */
  failWaiting(error: () => ClustorError): void {
    for (const proposal of this.#waiting) this.#reject(proposal, error())
    this.#waiting.clear()
  }

  /** Answers those in flight with an error; their entries stay in the log and may still be applied. */
  failInFlight(error: () => ClustorError): void {
    for (const proposal of this.#inFlight) this.#reject(proposal, error())
  }

  #admits(frameBytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + frameBytes <= this.#limits.bytesMax
  }

  #listen(proposal: Proposal, signal: AbortSignal): void {
    proposal.onAbort = () => {
      this.#reject(proposal, aborted(proposal.bytes === null ? 'unknown' : 'not-applied', signal))
    }
    signal.addEventListener('abort', proposal.onAbort, { once: true })
  }

  #settleLost(index: LogIndex, applied: Applied): void {
    const proposals = this.#lost.get(index)
    if (proposals === undefined) return
    this.#lost.delete(index)
    for (const proposal of proposals) this.#conclude(proposal, applied)
  }

  #conclude(proposal: Proposal, { term, answer, refusal }: Applied): void {
    if (proposal.term !== term) {
      this.#reject(proposal, lost('not-applied', proposal))
    } else if (refusal !== null) {
      const fields = { ...refusal.fields, index: proposal.index, term }
      this.#reject(proposal, new ClustorError(refusal.code, refusal.message, { fields }))
    } else {
      const index = answer?.index ?? proposal.index
      this.#release(proposal)?.resolve({ index, term, result: answer?.result })
    }
  }

  #reject(proposal: Proposal, error: ClustorError): void {
    this.#release(proposal)?.reject(error)
  }

  /** The waiter, once: whoever comes later gets null. */
  #release(proposal: Proposal): ProposalWaiter | null {
    const { waiter } = proposal
    if (waiter === null) return null
    proposal.waiter = null
    this.#bytes -= proposal.frameBytes
    if (proposal.onAbort !== undefined) {
      proposal.signal?.removeEventListener('abort', proposal.onAbort)
    }
    return waiter
  }
}

/** What stands at an index. */
interface Applied {
  readonly term: Term
  readonly answer: Answer | null
  readonly refusal: Refusal | null
}

function asBatch(taken: readonly Proposal[], kind: EntryKind): ProposalBatch {
  const payloads: Uint8Array[] = []
  const byteLengths = new Uint32Array(taken.length)
  for (const [position, { bytes, frameBytes }] of taken.entries()) {
    if (bytes !== null) payloads.push(bytes)
    byteLengths[position] = frameBytes
  }
  return { kind, payloads, byteLengths }
}

const busy = (count: number, bytes: number): ClustorError =>
  new ClustorError('ERR_BUSY', `${count} proposals (${bytes} bytes) are under way already`, {
    fields: { proposalCount: count, proposalBytes: bytes },
  })

const timedOut = (outcome: Outcome): ClustorError =>
  new ClustorError('ERR_TIMEOUT', 'the proposal was not applied before its deadline', { outcome })

const aborted = (outcome: Outcome, signal: AbortSignal): ClustorError =>
  new ClustorError('ERR_ABORTED', 'the caller aborted the proposal', {
    outcome,
    cause: signal.reason,
  })

function lost(outcome: Outcome, { index, term }: Proposal): ClustorError {
  const what =
    outcome === 'unknown' ? 'may still commit' : 'was replaced by another leader and never commits'
  return new ClustorError(
    'ERR_PROPOSAL_LOST',
    `leadership of term ${term} ended; the proposal at index ${index} ${what}`,
    { outcome, fields: { index, term } },
  )
}
