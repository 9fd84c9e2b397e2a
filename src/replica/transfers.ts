import { ClustorError } from '../base/errors.js'
import type { ReplicaId, Term } from '../base/ids.js'
import { noReplica } from '../base/ids.js'
import type { CoreStatus, TransferResult } from '../raft/ready.js'

/** Somebody who wants leadership to be handed over; hears once. */
export interface TransferRequest {
  readonly to: ReplicaId
  /** On the clock of the loop. */
  readonly deadlineMs: number
  resolve(): void
  reject(error: ClustorError): void
}

interface Started {
  readonly request: TransferRequest
  /** The term of the leader that hands over. */
  readonly term: Term
}

type Sighting = Pick<CoreStatus, 'role' | 'leader' | 'term' | 'transferee'>

/** The transfers of leadership that were started here, each until it is seen who leads. */
export class Transfers {
  readonly #tickMs: number
  #started: Started[] = []

  constructor(tickMs: number) {
    this.#tickMs = tickMs
  }

  get isEmpty(): boolean {
    return this.#started.length === 0
  }

  /** The core has answered a request.
   *  @param notLeader the error for a request to somebody who does not lead. */
  asked(
    request: TransferRequest,
    result: TransferResult,
    { term, notLeader }: { readonly term: Term; readonly notLeader: () => ClustorError },
  ): void {
    if (result.kind === 'started') this.#started.push({ request, term })
    else if (result.reason === 'not-leader') request.reject(notLeader())
    else if (result.reason === 'term-too-short')
      request.reject(tooSoon(request.to, result.remainingTicks * this.#tickMs))
    else request.reject(refused(request.to, result.reason))
  }

  /** Looks who leads, after every turn in which that can have changed. A transfer has succeeded when the target leads, in
   *  whatever later term; it has failed when the old leader goes on or somebody else leads. While nobody is known
   *  to lead, it is open. */
  look(sighting: Sighting): void {
    this.#started = this.#started.filter((started) => !conclude(started, sighting))
  }

  /** Gives up on what is past its deadline. The target may still take over. */
  expire(nowMs: number): void {
    this.#started = this.#started.filter(({ request }) => {
      const isOpen = request.deadlineMs > nowMs
      if (!isOpen) request.reject(timedOut(request.to))
      return isOpen
    })
  }

  failAll(error: () => ClustorError): void {
    const started = this.#started
    this.#started = []
    for (const { request } of started) request.reject(error())
  }
}

/** Tells the request what became of it, if that can be seen.
 *  @returns whether it is done. */
function conclude({ request, term }: Started, sighting: Sighting): boolean {
  const { to } = request
  const leadsOn = sighting.role === 'leader' && sighting.term === term
  if (leadsOn && sighting.transferee === to) return false
  if (!leadsOn && sighting.leader === noReplica) return false
  if (!leadsOn && sighting.leader === to) request.resolve()
  else request.reject(failed(to, sighting))
  return true
}

function refused(to: ReplicaId, reason: 'not-voter' | 'leads-already'): ClustorError {
  const why = reason === 'not-voter' ? 'is no voter' : 'leads already'
  return new ClustorError('ERR_TRANSFER_REFUSED', `replica ${to} ${why}`, {
    fields: { to, reason },
  })
}

const tooSoon = (to: ReplicaId, remainingMs: number): ClustorError =>
  new ClustorError(
    'ERR_TRANSFER_TOO_SOON',
    `this leadership is too young to be handed to replica ${to}; ask again in ${remainingMs} ms`,
    { fields: { to, remainingMs } },
  )

const failed = (to: ReplicaId, { leader, term }: Sighting): ClustorError =>
  new ClustorError(
    'ERR_TRANSFER_FAILED',
    `replica ${to} did not take over; replica ${leader} leads term ${term}`,
    { fields: { to, leader, term } },
  )

const timedOut = (to: ReplicaId): ClustorError =>
  new ClustorError('ERR_TIMEOUT', `replica ${to} was not seen to lead before the deadline`, {
    outcome: 'unknown',
    fields: { to },
  })
