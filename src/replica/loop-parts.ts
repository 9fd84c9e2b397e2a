import type { Applier } from '../apply/applier.js'
import type { StateMachine } from '../apply/state-machine.js'
import type { ClustorError } from '../base/errors.js'
import type { ReplicaId, Term } from '../base/ids.js'
import type { Random } from '../base/random.js'
import { Core } from '../raft/core.js'
import type { Message } from '../raft/messages.js'
import type { Acknowledgement } from '../raft/ready.js'
import type { PeerMessage } from '../transport/transport.js'
import type { ReplicaLog } from '../wal/replica-log.js'
import { coreOptions } from './settings.js'
import type { ReplicaSettings } from './settings.js'
import type { TickDriver } from './ticks.js'
import type { TransferRequest } from './transfers.js'

/** What a loop is made of. */
export interface LoopParts {
  readonly id: ReplicaId
  /** Of the configuration before the first entry of the log, as are the learners. */
  readonly voters: readonly ReplicaId[]
  readonly learners?: readonly ReplicaId[]
  readonly log: ReplicaLog
  readonly applier: Applier
  readonly machine: StateMachine
  readonly random: Random
  readonly ticks: TickDriver
  readonly settings: ReplicaSettings
  /** Never blocks; may drop the message and report the replica unreachable. */
  send(message: PeerMessage): void
  /** The applied index, the role or the leader moved, or the loop stopped. */
  changed(): void
  /** The loop stopped for good. */
  stopped(error: ClustorError): void
  notLeader(leader: ReplicaId, term: Term): ClustorError
}

/** What a loop reacts to. */
export type Input =
  | { readonly kind: 'message'; readonly incoming: PeerMessage }
  | { readonly kind: 'self'; readonly message: Message }
  | { readonly kind: 'durable'; readonly acknowledgement: Acknowledgement }
  | { readonly kind: 'unreachable'; readonly replica: ReplicaId }
  | { readonly kind: 'tick' }
  | { readonly kind: 'campaign' }
  | { readonly kind: 'transfer'; readonly request: TransferRequest }
  | { readonly kind: 'forget-leader' }

/** The machine is empty and the log complete, so the configuration in force is found as the state is: by replay. */
export function createCore(parts: LoopParts): Core {
  const { id, voters, learners = [], log, random, settings, applier } = parts
  const { hardState, entries } = log.recovered
  const recovered = { hardState, entries, appliedIndex: applier.appliedIndex }
  return new Core({ id, voters, learners, random, recovered, ...coreOptions(settings) })
}
