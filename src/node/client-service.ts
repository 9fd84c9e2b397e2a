import type { StateMachine } from '../apply/state-machine.js'
import { ClustorError } from '../base/errors.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { ProposalWaiter } from '../replica/proposals.js'
import type { ReplicaStatus } from '../replica/replica-status.js'
import type { Replica } from '../replica/replica.js'
import type {
  Consistency,
  PartitionService,
  Reply,
  RequestStamp,
  SubscriptionEntry,
} from '../transport/client-service.js'

const noBytes = new Uint8Array(0)

/** One partition as remote clients see it. */
export class ReplicaService implements PartitionService {
  readonly #name: string
  readonly #replica: Replica

  constructor(name: string, replica: Replica) {
    this.#name = name
    this.#replica = replica
  }

  propose(payload: Uint8Array, stamp: RequestStamp | null, reply: Reply): void {
    this.#replica.propose(payload, { session: stamp }, waiterOf(reply))
  }

  openSession(reply: Reply): void {
    this.#replica.openSession({}, waiterOf(reply))
  }

  query(request: Uint8Array, consistency: Consistency, reply: Reply): void {
    const ask = (machine: StateMachine): Uint8Array | Promise<Uint8Array> =>
      answer(machine, request)
    if (consistency === 'linearizable') this.#queryLinearizable(ask, reply)
    else this.#queryLocal(ask, reply)
  }

  subscribe(fromIndex: LogIndex, signal: AbortSignal): AsyncIterable<readonly SubscriptionEntry[]> {
    return this.#replica.subscribePages({ from: fromIndex, signal })
  }

  status(): unknown {
    return { partition: this.#name, ...plainStatus(this.#replica.status()) }
  }

  #queryLinearizable(ask: Ask, reply: Reply): void {
    let appliedIndex = asIndex(0)
    const read = this.#replica.read((machine, index) => {
      appliedIndex = index
      return ask(machine)
    })
    read.then(
      (bytes) => {
        reply.answer(appliedIndex, bytes)
      },
      (error: unknown) => {
        reply.fail(error)
      },
    )
  }

  #queryLocal(ask: Ask, reply: Reply): void {
    try {
      const { value, appliedIndex } = this.#replica.readLocal(ask)
      if (value instanceof Uint8Array) {
        reply.answer(appliedIndex, value)
        return
      }
      value.then(
        (bytes) => {
          reply.answer(appliedIndex, bytes)
        },
        (error: unknown) => {
          reply.fail(error)
        },
      )
    } catch (error) {
      reply.fail(error)
    }
  }
}

type Ask = (machine: StateMachine) => Uint8Array | Promise<Uint8Array>

/** A status without classes, as it travels and is printed. */
export function plainStatus(status: ReplicaStatus): object {
  const { poisoned, quarantined, ...log } = status.log
  const errors = { poisoned: plainError(poisoned), quarantined: plainError(quarantined) }
  return { ...status, log: { ...log, ...errors } }
}

const plainError = (error: ClustorError | null): object | null =>
  error === null ? null : { code: error.code, message: error.message, fields: error.fields }

function answer(machine: StateMachine, request: Uint8Array): Uint8Array | Promise<Uint8Array> {
  if (machine.query !== undefined) return machine.query(request)
  throw new ClustorError(
    'ERR_INVALID_ARGUMENT',
    'the state machine of this partition takes no queries',
  )
}

function waiterOf(reply: Reply): ProposalWaiter {
  return {
    resolve: ({ index, result }) => {
      if (result instanceof Uint8Array) reply.answer(index, result)
      else if (result === undefined || result === null) reply.answer(index, noBytes)
      else reply.fail(cannotTravel(index))
    },
    reject: (error) => {
      reply.fail(error)
    },
  }
}

const cannotTravel = (index: LogIndex): ClustorError =>
  new ClustorError(
    'ERR_INVALID_ARGUMENT',
    `the proposal was applied at index ${index}, but its result is neither bytes nor undefined and cannot travel`,
    { outcome: 'unknown', fields: { appliedIndex: index } },
  )
