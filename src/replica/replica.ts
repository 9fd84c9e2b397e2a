import { Applier } from '../apply/applier.js'
import { encodeCommand, encodeSessionCommand } from '../apply/command.js'
import type { SessionStamp } from '../apply/command.js'
import type { StateMachine } from '../apply/state-machine.js'
import { ClustorError } from '../base/errors.js'
import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { Random } from '../base/random.js'
import { entryKinds } from '../raft/entry-range.js'
import type { EntryKind } from '../raft/entry-range.js'
import type { MembershipChangeResult } from '../raft/membership-change.js'
import type { MembershipChange, MembershipConfiguration } from '../raft/membership.js'
import type { PartitionLink, PeerMessage } from '../transport/transport.js'
import type { KeyRing } from '../wal/key-ring.js'
import type { ReplicaLog } from '../wal/replica-log.js'
import { ReplicaLoop } from './loop.js'
import { membershipPayload } from './membership-entry.js'
import type { ProposalWaiter } from './proposals.js'
import type { ReadRequest } from './reads.js'
import { buildStatus } from './replica-status.js'
import type { ReplicaStatus } from './replica-status.js'
import { proposalLimitBytes } from './settings.js'
import type { ReplicaSettings } from './settings.js'
import { asClustorError } from './stop-errors.js'
import { changePages, changes } from './subscription.js'
import type { Change, ChangeFeed, ChangeStart } from './subscription.js'
import type { TickDriver } from './ticks.js'

/** A node that may lead: its name and where its clients connect. */
export interface NodeAddress {
  readonly node: string
  readonly clientAddress: string
}

/** A replica's way to its peers. */
type ReplicaLink = Pick<PartitionLink, 'send' | 'detach'>

export interface ReplicaOptions<Machine extends StateMachine> {
  readonly id: ReplicaId
  /** The voters of the configuration before the first entry of the log, the same on every replica and at every start;
   *  who joined or left later is in the log. */
  readonly voters: readonly ReplicaId[]
  /** The learners of that configuration; none by default. */
  readonly learners?: readonly ReplicaId[]
  /** Open and recovered; the replica closes it. */
  readonly log: ReplicaLog
  readonly machine: Machine
  readonly ticks: TickDriver
  readonly random: Random
  readonly settings: ReplicaSettings
  /** Joins the network; called once. */
  connect(
    receive: (message: PeerMessage) => void,
    unreachable: (replica: ReplicaId) => void,
  ): ReplicaLink
  /** Null for an unknown replica and for none. */
  readonly addressOf: (replica: ReplicaId) => NodeAddress | null
  /** A configuration is in force from this entry of the log on; also while the log is replayed. */
  membershipApplied?(configuration: MembershipConfiguration, index: LogIndex): void
  /** The replica stopped by itself and will not go on: a poisoned log, an apply fault, a broken invariant. */
  onStopped?(error: ClustorError): void
}

/** How long a call may take, and who may end it. */
export interface CallOptions {
  /** From now on; the option requestTimeoutMs by default. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions extends CallOptions {
  /** Whether a follower or learner may answer, having asked its leader; false by default. */
  readonly anywhere?: boolean | undefined
}

export interface ProposeCallOptions extends CallOptions {
  readonly session?: SessionStamp | null | undefined
}

/** Where a subscription begins, and who may end it. */
export interface SubscribeOptions {
  /** The first index wanted; by default the first of the log. */
  readonly from?: number
  readonly signal?: AbortSignal | undefined
}

/** What a read saw. */
export interface LocalRead<Value> {
  readonly value: Value
  /** The state is that after this entry. */
  readonly appliedIndex: LogIndex
}

/** One replica of one partition: log, core, network and state machine, running. */
export class Replica<Machine extends StateMachine = StateMachine> {
  readonly #options: ReplicaOptions<Machine>
  readonly #applier: Applier
  readonly #loop: ReplicaLoop
  readonly #link: ReplicaLink
  readonly #stopTicks: () => void
  /** Those that wait for something to change. */
  #waiters: (() => void)[] = []
  #closing: Promise<void> | null = null

  /** @throws ERR_INDEX_COMPACTED when the log does not begin with its first entry: the state before it is not here. */
  constructor(options: ReplicaOptions<Machine>) {
    this.#options = options
    const { log, machine, ticks } = options
    assertComplete(log)
    this.#applier = new Applier(machine, {
      appliedIndex: asIndex(0),
      applyMembership: (payload, index) => this.#applyMembership(payload, index),
    })
    this.#loop = new ReplicaLoop({
      ...options,
      applier: this.#applier,
      send: (message) => {
        this.#link.send(message)
      },
      changed: () => {
        this.wake()
      },
      stopped: (error) => {
        this.#onStopped(error)
      },
      notLeader: (leader, term) => this.#notLeader(leader, term),
    })
    this.#link = options.connect(
      (message) => {
        this.#loop.receive(message)
      },
      (replica) => {
        this.#loop.reportUnreachable(replica)
      },
    )
    this.#stopTicks = ticks.start(() => {
      this.#loop.tick()
    })
  }

  /** Proposes a payload; the bytes are copied before the call returns.
   *  The waiter hears exactly once: the entry's index, term and result when it was applied here, or an error whose
   *  `outcome` says whether it may still be applied: ERR_NOT_LEADER, ERR_BUSY, ERR_DISK_FULL, ERR_TOO_LARGE (not-applied);
   *  ERR_PROPOSAL_LOST, ERR_TIMEOUT, ERR_ABORTED, ERR_CLOSED (either); ERR_SESSION_EXPIRED, ERR_SESSION_GAP (not-applied);
   *  ERR_APPLY_FAULT, ERR_LOG_POISONED when the replica stopped.
   *  Calls of one caller get indexes in call order. */
  propose(payload: Uint8Array, options: ProposeCallOptions, waiter: ProposalWaiter): void {
    const limitBytes = proposalLimitBytes(this.#options.settings)
    if (payload.length > limitBytes) {
      waiter.reject(tooLarge(payload.length, limitBytes))
      return
    }
    const bytes = encodeCommand(payload, options.session ?? null)
    this.#add(entryKinds.normal, bytes, options, waiter)
  }

  /** Opens an exactly-once session; its id is the index that the waiter hears. */
  openSession(options: CallOptions, waiter: ProposalWaiter): void {
    const { sessionsMax, sessionResultsMax } = this.#options.settings
    const limits = { sessionsMax, answersMax: sessionResultsMax }
    const bytes = encodeSessionCommand({ kind: 'open-session', limits })
    this.#add(entryKinds.session, bytes, options, waiter)
  }

  /** Forgets a session and its answers. */
  closeSession(session: LogIndex, options: CallOptions, waiter: ProposalWaiter): void {
    const bytes = encodeSessionCommand({ kind: 'close-session', session })
    this.#add(entryKinds.session, bytes, options, waiter)
  }

  /** Changes who belongs to the partition, as one entry of the log (docs/raft.md, Membership). It is in force on each
   *  replica from the moment at which that replica applies it; one change at a time. The waiter hears the configuration as
   *  `result`, or, besides the errors of `propose`: ERR_MEMBERSHIP_BUSY while another change is under way or nothing of
   *  this leadership is committed; ERR_MEMBERSHIP_REFUSED when the configuration does not admit the change;
   *  ERR_INVALID_ARGUMENT for what is no change. All of these: not applied. */
  changeMembership(change: MembershipChange, options: CallOptions, waiter: ProposalWaiter): void {
    try {
      const bytes = membershipPayload(change)
      const { payloadBytesMax } = this.#options.settings
      if (bytes.length > payloadBytesMax) throw tooLarge(bytes.length, payloadBytesMax)
      this.#add(entryKinds.membership, bytes, options, waiter)
    } catch (error) {
      waiter.reject(asClustorError(error))
    }
  }

  /** Hands leadership to another voter (Raft dissertation §3.10) and resolves when that one is known to lead. Meanwhile
   *  nothing is proposed here; after an election timeout without success this leader goes on.
   *  @throws ERR_NOT_LEADER with fields leader and leaderHint; ERR_TRANSFER_REFUSED with field reason, `not-voter` or
   *  `leads-already`; ERR_TRANSFER_TOO_SOON with field remainingMs; ERR_TRANSFER_FAILED when this replica leads on or a third one leads; ERR_TIMEOUT, outcome unknown,
   *  when nobody is known to lead at the deadline; the reason for which the replica stopped. */
  transferLeadership(to: ReplicaId, options: Pick<CallOptions, 'timeoutMs'> = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const { stopError } = this.#loop
      if (stopError !== null) reject(stopError)
      else {
        const deadlineMs = this.#deadline(options)
        this.#loop.transferLeadership({ to, deadlineMs, resolve, reject })
      }
    })
  }

  /** Takes the leader for lost, for example because its process is known to have ended: this replica may vote for another
   *  one at once. Its own election timer runs on. Nothing happens on a leader or a candidate. */
  forgetLeader(): void {
    this.#loop.forgetLeader()
  }

  /** Reads linearizably: sees every write that was answered before the call. ReadIndex, no log entry. The leader reads, or
   *  with `anywhere` a follower or learner too: it asks its leader how far it must have applied, and waits for that.
   *  `query` runs between two batches of the state machine and may return a promise if the machine's data allow it.
   *  @throws ERR_NOT_LEADER with fields leader and leaderHint, with `anywhere` only when no leader is known or it has just lost
   *  its leadership; ERR_TIMEOUT, ERR_ABORTED, ERR_BUSY, and the reason for which the replica stopped. */
  read<Value>(
    query: (machine: Machine, appliedIndex: LogIndex) => Value,
    options: ReadOptions = {},
  ): Promise<Awaited<Value>> {
    return this.#read(query, options, (request) => {
      this.#loop.reads.add(request)
    })
  }

  /** Reads here, on a leader, follower or learner, as soon as the entry at `index` is applied. With the index that a proposal was
   *  answered with, the read shows that write; with the applied index of an earlier read, it shows nothing older than that one.
   *  It may be older than what others have seen, and asks nobody.
   *  @throws ERR_TIMEOUT when the entry is not applied here in time, also when there is none; ERR_ABORTED, ERR_BUSY, and the
   *  reason for which the replica stopped. */
  readAt<Value>(
    index: LogIndex,
    query: (machine: Machine, appliedIndex: LogIndex) => Value,
    options: CallOptions = {},
  ): Promise<Awaited<Value>> {
    return this.#read(query, options, (request) => {
      this.#loop.reads.addAt(index, request)
    })
  }

  /** Reads what is applied here, at once and possibly stale. During an asynchronous apply the machine may be between
   *  two states. */
  readLocal<Value>(query: (machine: Machine) => Value): LocalRead<Value> {
    return { value: query(this.#options.machine), appliedIndex: this.#applier.appliedIndex }
  }

  /** The applied proposals from an index on (default: the first one of the log), then those to come. */
  subscribe(options: SubscribeOptions = {}): AsyncGenerator<Change, void, undefined> {
    return changes(this.#feed(), startOf(options))
  }

  /** The same in pages, none empty. */
  subscribePages(options: SubscribeOptions): AsyncGenerator<readonly Change[], void, undefined> {
    return changePages(this.#feed(), startOf(options))
  }

  status(): ReplicaStatus {
    const { log, settings, addressOf } = this.#options
    const { proposals, reads, stopError, diskError } = this.#loop
    return buildStatus({
      core: this.#loop.coreStatus(),
      log: log.status(),
      tickMs: settings.tickMs,
      pending: {
        waitingProposals: proposals.waitingCount,
        inFlightProposals: proposals.inFlightCount,
        reads: reads.pendingCount,
        writes: this.#loop.pendingWriteCount,
      },
      sessions: this.#applier.sessions.count,
      stalls: this.#loop.stallCount,
      stopError,
      diskError,
      nameOf: (replica) => addressOf(replica)?.node ?? null,
    })
  }

  /** New segments of the log take the active epochs of these keys. */
  rotateKeys(ring: KeyRing): Promise<void> {
    return this.#options.log.rotateKeys(ring)
  }

  /** Campaigns at once instead of waiting for an election timeout. */
  campaign(): void {
    this.#loop.campaign()
  }

  /** Resolves when the applied index, the role or the leader has moved, or the replica stops.
   *  @throws the reason, when it has stopped already. */
  nextChange(): Promise<void> {
    const { stopError } = this.#loop
    if (stopError !== null) return Promise.reject(stopError)
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
    })
  }

  /** Lets everybody who waits for a change look again. */
  wake(): void {
    const waiters = this.#waiters
    if (waiters.length === 0) return
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Ends the replica: what waits fails with ERR_CLOSED, the log is closed. Calling it again waits for the same end. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#loop.stop(new ClustorError('ERR_CLOSED', 'the partition was closed'))
    await this.#options.log.close()
  }

  #read<Value>(
    query: (machine: Machine, appliedIndex: LogIndex) => Value,
    options: ReadOptions,
    add: (request: ReadRequest) => void,
  ): Promise<Awaited<Value>> {
    return new Promise((resolve, reject) => {
      const { stopError } = this.#loop
      if (stopError !== null) {
        reject(stopError)
        return
      }
      add({
        deadlineMs: this.#deadline(options),
        signal: options.signal,
        anywhere: options.anywhere ?? false,
        serve: (appliedIndex) => {
          try {
            resolve(query(this.#options.machine, appliedIndex) as Awaited<Value>)
          } catch (error) {
            reject(asError(error))
          }
        },
        reject,
      })
      this.#loop.wake()
    })
  }

  #feed(): ChangeFeed {
    return {
      log: this.#options.log,
      source: this.#loop.source,
      skipped: this.#applier.skipped,
      appliedIndex: () => this.#applier.appliedIndex,
      nextApplied: () => this.nextChange(),
      wake: () => {
        this.wake()
      },
      ended: () => this.#loop.stopError,
    }
  }

  #applyMembership(payload: Uint8Array, index: LogIndex): MembershipChangeResult {
    const result = this.#loop.applyMembership(payload, index)
    if (result.kind === 'changed') this.#options.membershipApplied?.(result.configuration, index)
    return result
  }

  #add(kind: EntryKind, bytes: Uint8Array, options: CallOptions, waiter: ProposalWaiter): void {
    const refusal = this.#loop.stopError ?? this.#loop.diskError
    if (refusal !== null) {
      waiter.reject(new ClustorError(refusal.code, refusal.message, { cause: refusal }))
      return
    }
    const deadlineMs = this.#deadline(options)
    this.#loop.proposals.add({ kind, bytes, deadlineMs, signal: options.signal, waiter })
    this.#loop.wake()
  }

  #deadline({ timeoutMs }: CallOptions): number {
    return this.#options.ticks.nowMs() + (timeoutMs ?? this.#options.settings.requestTimeoutMs)
  }

  #onStopped(error: ClustorError): void {
    this.#stopTicks()
    this.#link.detach()
    if (error.code !== 'ERR_CLOSED') this.#options.onStopped?.(error)
  }

  #notLeader(leader: ReplicaId, term: Term): ClustorError {
    const address = this.#options.addressOf(leader)
    const hint = address === null ? 'no leader is known' : `leader is ${address.node}`
    return new ClustorError('ERR_NOT_LEADER', `not leader in term ${term}; ${hint}`, {
      fields: { term, leader: address?.node ?? null, leaderHint: address?.clientAddress ?? null },
    })
  }
}

function startOf({ from = 1, signal }: SubscribeOptions): ChangeStart {
  return { from: asIndex(Math.max(1, from)), signal }
}

function assertComplete(log: ReplicaLog): void {
  const { firstIndex } = log.recovered.entries
  if (firstIndex === 1) return
  throw new ClustorError(
    'ERR_INDEX_COMPACTED',
    `the log begins at index ${firstIndex} and there is no snapshot of what came before`,
    { fields: { firstIndex } },
  )
}

function tooLarge(payloadBytes: number, limitBytes: number): ClustorError {
  return new ClustorError(
    'ERR_TOO_LARGE',
    `the proposal has ${payloadBytes} bytes, at most ${limitBytes} are allowed (options proposalBytesMax, payloadBytesMax)`,
    { fields: { payloadBytes, limitBytes } },
  )
}

const asError = (error: unknown): Error =>
  error instanceof Error ? error : new Error(String(error))
