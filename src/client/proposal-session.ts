import { ClustorError } from '../base/errors.js'
import type { ErrorCode } from '../base/errors.js'
import { asIndex } from '../base/ids.js'
import type { LogIndex } from '../base/ids.js'
import { Backoff } from '../transport/backoff.js'
import { writeOpenSession, writePropose } from '../transport/client-codec.js'
import type { Timer } from '../base/timers.js'
import { aborted, clientClosed, deadlinePassed, withOutcome } from './context.js'
import type { CallOptions, ClientContext } from './context.js'
import type { DeadlineHolder, Deadlines } from './deadlines.js'
import type { NodeConnection } from './node-connection.js'
import { Proposal } from './proposal.js'
import type { Proposed, ProposalOwner } from './proposal.js'
import type { Route, RouteUser } from './route.js'

/** Failures after which the same node is asked again, after a pause; all others but the fatal ones lead to another node. */
const stayCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_BUSY',
  'ERR_DISK_FULL',
  'ERR_PROPOSAL_LOST',
  'ERR_QUOTA_EXCEEDED',
  'ERR_SESSION_GAP',
  'ERR_TIMEOUT',
])

/** Failures after which a session cannot go on: its next number will never be applied. */
const fatalCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_INVALID_ARGUMENT',
  'ERR_SESSION_EXPIRED',
  'ERR_TOO_LARGE',
])

const noSession = asIndex(0)

/** The proposals of one client to one partition: pipelined, first in first out, exactly once.
 *
 *  A proposal gets its number, its position in the queue, when it is sent first, and keeps it: after a lost connection or
 *  a change of leader everything unanswered is sent again, in order, and the session table drops what was applied before.
 *  docs/protocol.md §4, "Sessions". */
export class ProposalSession implements ProposalOwner, RouteUser, DeadlineHolder {
  readonly #partition: string
  readonly #route: Route
  readonly #context: ClientContext
  readonly #deadlines: Deadlines
  readonly #backoff: Backoff
  #session: LogIndex = noSession
  #openingOver: NodeConnection | null = null
  /** Before #head: done. From #head to #next: under way. From #next on: to be sent, first those that were sent before. */
  #queue: (Proposal | undefined)[] = []
  #head = 0
  #next = 0
  /** The number of the proposal at #head. */
  #headSequence = 1
  /** The connection over which #head to #next are under way. */
  #connection: NodeConnection | null = null
  #pause: Timer | null = null
  #earliestDeadlineMs = Infinity
  #queuedBytes = 0
  #lastError: ClustorError | null = null
  #closed = false

  constructor(partition: string, route: Route, context: ClientContext, deadlines: Deadlines) {
    this.#partition = partition
    this.#route = route
    this.#context = context
    this.#deadlines = deadlines
    const { retryMsMin, retryMsMax } = context.options
    this.#backoff = new Backoff({ msMin: retryMsMin, msMax: retryMsMax }, context.random)
    route.addUser(this)
    deadlines.add(this)
  }

  get busy(): boolean {
    return this.#head < this.#queue.length
  }

  /** Proposes a payload, which must not change until the promise is settled. Client.propose says what comes of it. */
  propose(payload: Uint8Array, { timeoutMs, signal }: CallOptions): Promise<Proposed> {
    const refusal = this.#refusal(payload, signal)
    if (refusal !== null) return Promise.reject(refusal)
    const deadlineMs = this.#deadlines.start(timeoutMs ?? this.#context.options.requestTimeoutMs)
    return new Promise((resolve, reject) => {
      const proposal = new Proposal(payload, deadlineMs, this, resolve, reject)
      if (signal !== undefined) this.#watch(proposal, signal)
      this.#queue.push(proposal)
      this.#queuedBytes += payload.length
      if (deadlineMs < this.#earliestDeadlineMs) this.#earliestDeadlineMs = deadlineMs
      this.#pump()
    })
  }

  routeReady(): void {
    this.#pump()
  }

  proposalAnswered(proposal: Proposal): void {
    this.#route.confirm()
    if (this.#lastError !== null) this.#recovered()
    this.#queuedBytes -= proposal.payload.length
    while (this.#head < this.#next && this.#queue[this.#head]?.isAnswered === true) {
      this.#queue[this.#head++] = undefined
      this.#headSequence += 1
    }
    this.#compact()
    if (this.#next < this.#queue.length) this.#pump()
  }

  proposalFailed(proposal: Proposal, error: ClustorError): void {
    if (this.#closed) return
    if (typeof error.fields['appliedIndex'] === 'number') {
      // It was applied there; only its result cannot travel.
      proposal.isAnswered = true
      proposal.reject(error)
      this.proposalAnswered(proposal)
      return
    }
    this.#lastError = error
    if (fatalCodes.has(error.code)) this.#abandonSession(proposal, error)
    else this.#sendAgain(error, this.#connection)
  }

  expire(now: number): void {
    if (now < this.#earliestDeadlineMs) return
    this.#earliestDeadlineMs = Infinity
    for (let at = this.#head; at < this.#queue.length; at++) {
      const proposal = this.#queue[at] as Proposal
      if (proposal.isSettled) continue
      if (proposal.deadlineMs > now) {
        this.#earliestDeadlineMs = Math.min(this.#earliestDeadlineMs, proposal.deadlineMs)
      } else {
        const error = this.#lastError ?? this.#route.lastError
        proposal.reject(deadlinePassed(error, outcomeOf(proposal)))
      }
    }
    this.#dropUnsent()
  }

  close(): void {
    this.#closed = true
    this.#pause?.cancel()
    for (let at = this.#head; at < this.#queue.length; at++) {
      const proposal = this.#queue[at] as Proposal
      proposal.reject(withOutcome(clientClosed(), outcomeOf(proposal)))
    }
    this.#queue = []
    this.#head = this.#next = 0
  }

  #refusal(payload: Uint8Array, signal: AbortSignal | undefined): ClustorError | null {
    if (this.#closed) return clientClosed()
    if (signal?.aborted === true) return aborted(signal, 'not-applied')
    const { inflightRequestsMax, inflightRequestBytesMax } = this.#context.options
    const count = this.#queue.length - this.#head
    const bytes = this.#queuedBytes + payload.length
    if (count < inflightRequestsMax && bytes <= inflightRequestBytesMax) return null
    return new ClustorError('ERR_BUSY', `${count} proposals are under way or waiting`, {
      fields: { count, bytes },
    })
  }

  #watch(proposal: Proposal, signal: AbortSignal): void {
    const onAbort = (): void => {
      proposal.reject(aborted(signal, outcomeOf(proposal)))
      this.#dropUnsent()
    }
    signal.addEventListener('abort', onAbort)
    proposal.onSettled = () => signal.removeEventListener('abort', onAbort)
  }

  /** Sends what may be sent. */
  #pump(): void {
    if (this.#pause !== null || this.#closed || this.#next === this.#queue.length) return
    const connection = this.#route.connection
    if (connection === null) return
    if (this.#session === noSession) {
      this.#openSession(connection)
      return
    }
    if (connection !== this.#connection) this.#rewind()
    this.#connection = connection
    const end = this.#head + this.#context.options.inflightProposalsMax
    while (this.#next < this.#queue.length && this.#next < end && !connection.clogged) {
      this.#sendNext(connection)
    }
  }

  #sendNext(connection: NodeConnection): void {
    const proposal = this.#queue[this.#next] as Proposal
    if (proposal.isAnswered) {
      this.#next += 1
      return
    }
    if (proposal.sends === 0 && proposal.payload.length > connection.proposalBytesMax) {
      this.#queue.splice(this.#next, 1)
      this.#queuedBytes -= proposal.payload.length
      proposal.reject(tooLarge(proposal.payload.length, connection.proposalBytesMax))
      return
    }
    const stamp = {
      session: this.#session,
      sequence: this.#headSequence + this.#next - this.#head,
      acknowledgedSequence: this.#headSequence - 1,
    }
    const tag = connection.begin(this.#partition, proposal)
    writePropose(connection.writer, tag, stamp, proposal.payload)
    proposal.request = tag.request
    proposal.sends += 1
    this.#next += 1
  }

  #openSession(connection: NodeConnection): void {
    if (this.#openingOver === connection) return
    this.#openingOver = connection
    const tag = connection.begin(this.#partition, {
      answered: (index) => {
        if (this.#openingOver !== connection) return
        this.#openingOver = null
        this.#session = index
        this.#route.confirm()
        this.#pump()
      },
      failed: (error) => {
        if (this.#openingOver !== connection) return
        this.#openingOver = null
        this.#lastError = error
        if (!this.#closed) this.#sendAgain(error, connection)
      },
    })
    writeOpenSession(connection.writer, tag)
  }

  /** What is under way will be sent again: to this node after a pause, or to another one. */
  #sendAgain(error: ClustorError, connection: NodeConnection | null): void {
    this.#rewind()
    if (connection !== null && !stayCodes.has(error.code)) {
      this.#route.leave(connection, error)
      this.#pump()
      return
    }
    this.#pause ??= this.#context.timers.after(this.#backoff.next(), () => {
      this.#pause = null
      this.#pump()
    })
  }

  #rewind(): void {
    const connection = this.#connection
    this.#connection = null
    if (connection !== null) {
      for (let at = this.#head; at < this.#next; at++) {
        const proposal = this.#queue[at] as Proposal
        if (!proposal.isAnswered) connection.forget(proposal.request)
      }
    }
    this.#next = this.#head
  }

  /** The session is over. What was sent may have been applied; what was not goes into another session. */
  #abandonSession(culprit: Proposal, error: ClustorError): void {
    const session = this.#session
    this.#rewind()
    const waiting: Proposal[] = []
    for (let at = this.#head; at < this.#queue.length; at++) {
      const proposal = this.#queue[at] as Proposal
      if (proposal.sends === 0) waiting.push(proposal)
      else if (proposal === culprit) proposal.reject(culpritError(culprit, error))
      else proposal.reject(sessionOver(session, error))
    }
    this.#queue = waiting
    this.#queuedBytes = waiting.reduce((sum, { payload }) => sum + payload.length, 0)
    this.#head = this.#next = 0
    this.#headSequence = 1
    this.#session = noSession
    this.#pump()
  }

  #recovered(): void {
    this.#lastError = null
    this.#backoff.reset()
  }

  /** Removes proposals that nobody waits for and that were never sent: their number is free. */
  #dropUnsent(): void {
    const from = this.#queue.findIndex(
      (proposal, at) => at >= this.#next && proposal?.sends === 0 && proposal.isSettled,
    )
    if (from === -1) return
    const kept = this.#queue.slice(from).filter((each) => each?.isSettled === false)
    this.#queue.length = from
    this.#queue.push(...kept)
    this.#queuedBytes = 0
    for (let at = this.#head; at < this.#queue.length; at++) {
      const proposal = this.#queue[at] as Proposal
      if (!proposal.isAnswered) this.#queuedBytes += proposal.payload.length
    }
  }

  // Half of the array is behind the head, so each proposal is moved at most once on average.
  #compact(): void {
    if (this.#head < 1024 || this.#head * 2 < this.#queue.length) return
    this.#queue = this.#queue.slice(this.#head)
    this.#next -= this.#head
    this.#head = 0
  }
}

const outcomeOf = ({ sends }: Proposal): 'unknown' | 'not-applied' =>
  sends > 0 ? 'unknown' : 'not-applied'

// Only of a proposal that was sent once is the answer the whole truth.
const culpritError = ({ sends }: Proposal, error: ClustorError): ClustorError =>
  sends === 1 && error.code !== 'ERR_SESSION_EXPIRED' ? error : withOutcome(error, 'unknown')

const sessionOver = (session: LogIndex, cause: ClustorError): ClustorError =>
  new ClustorError('ERR_SESSION_EXPIRED', `session ${session} ended: ${cause.message}`, {
    outcome: 'unknown',
    cause,
    fields: { session },
  })

const tooLarge = (payloadBytes: number, limitBytes: number): ClustorError =>
  new ClustorError('ERR_TOO_LARGE', `a proposal has at most ${limitBytes} bytes`, {
    fields: { payloadBytes, limitBytes },
  })
