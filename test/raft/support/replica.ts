import { asReplica, type ReplicaId } from '../../../src/base/ids.js'
import { SeededRandom } from '../../../src/base/random.js'
import { Core } from '../../../src/raft/core.js'
import type { Message } from '../../../src/raft/messages.js'
import type { CoreOptions, Ready, ReadState } from '../../../src/raft/ready.js'
import { MemoryDisk, type StoredEntry } from './disk.js'

export type CoreSettings = Partial<Omit<CoreOptions, 'id' | 'voters'>>

interface PendingWrite {
  readonly ready: Ready
  /** Whether term or vote change with it: no message may leave before it is durable. */
  readonly changesElectionState: boolean
  /** Messages that may leave once this write is durable. */
  readonly released: Message[]
}

/** A core with a disk whose writes complete when the test says so, and the order rule of Ready. */
export class TestReplica {
  readonly id: ReplicaId
  readonly disk: MemoryDisk
  core: Core
  /** Messages that may leave. */
  outgoing: Message[] = []
  /** Every entry that was given to the state machine, in order, since the last start. */
  applied: { readonly index: number; readonly entry: StoredEntry }[] = []
  readStates: ReadState[] = []
  droppedReads: number[] = []
  readonly pendingWrites: PendingWrite[] = []
  readonly #voters: readonly ReplicaId[]
  readonly #settings: CoreSettings

  constructor(
    id: number,
    voters: readonly number[],
    settings: CoreSettings,
    disk = new MemoryDisk(),
  ) {
    this.id = asReplica(id)
    this.disk = disk
    this.#voters = voters.map(asReplica)
    this.#settings = settings
    this.core = this.#boot()
  }

  get role(): string {
    return this.core.status().role
  }

  get isLeader(): boolean {
    return this.role === 'leader'
  }

  step(message: Message): void {
    this.core.step(message)
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) this.core.tick()
  }

  propose(...byteLengths: number[]): ReturnType<Core['propose']> {
    return this.core.propose(0, Uint32Array.from(byteLengths))
  }

  /** Takes every Ready there is; writes stay pending. */
  takeReadies(): void {
    while (this.core.hasReady()) this.#execute(this.core.takeReady())
  }

  /** Completes the oldest pending write. */
  completeWrite(): void {
    const write = this.pendingWrites.shift()
    if (write === undefined) return
    this.disk.write(write.ready)
    if (write.ready.acknowledgement) this.core.acknowledge(write.ready.acknowledgement)
    this.#release(write.released)
  }

  /** All pending writes fail and leave nothing, as on a full disk; what waited for them is not sent. */
  failWrites(): void {
    this.pendingWrites.length = 0
    this.core.reportWriteFailed()
  }

  /** Takes every Ready and completes every write, until nothing is left to do. */
  settle(): void {
    this.takeReadies()
    while (this.pendingWrites.length > 0 || this.core.hasReady()) {
      this.completeWrite()
      this.takeReadies()
    }
  }

  takeOutgoing(): Message[] {
    const outgoing = this.outgoing
    this.outgoing = []
    return outgoing
  }

  /** Loses everything that is not on disk, and starts again. */
  crash(): void {
    this.pendingWrites.length = 0
    this.outgoing = []
    this.applied = []
    this.readStates = []
    this.droppedReads = []
    this.core = this.#boot()
  }

  #boot(): Core {
    const random = this.#settings.random ?? new SeededRandom(this.id)
    const recovered = this.disk.recover(0)
    return new Core({ ...this.#settings, id: this.id, voters: this.#voters, random, recovered })
  }

  #execute(ready: Ready): void {
    const { hardState, committed } = ready
    const before = this.#lastElectionState()
    const changesElectionState =
      hardState !== undefined && (hardState.term !== before.term || hardState.vote !== before.vote)
    if (ready.mustSync || hardState !== undefined) {
      this.pendingWrites.push({ ready, changesElectionState, released: [] })
    }
    this.#releaseAfter(this.#lastElectionWrite(), ready.messages)
    this.#releaseAfter(this.pendingWrites.at(-1), ready.messagesAfterPersist)
    this.readStates.push(...ready.readStates)
    this.droppedReads.push(...ready.droppedReads)
    if (committed) this.#apply(committed.firstIndex, committed.lastIndex)
  }

  #apply(firstIndex: number, lastIndex: number): void {
    const { runs, byteLengths } = this.core.entries(firstIndex as never, lastIndex as never)
    let index = firstIndex
    for (const { term, kind, count } of runs) {
      for (let i = 0; i < count; i++, index++) {
        const bytes = byteLengths[index - firstIndex] ?? 0
        this.applied.push({ index, entry: { term, kind, bytes } })
      }
    }
    this.core.acknowledgeApplied(lastIndex as never)
  }

  #lastElectionState(): { term: number; vote: number } {
    const pending = this.pendingWrites.findLast((write) => write.ready.hardState !== undefined)
    return pending?.ready.hardState ?? this.disk.hardState
  }

  #lastElectionWrite(): PendingWrite | undefined {
    return this.pendingWrites.findLast((write) => write.changesElectionState)
  }

  #releaseAfter(write: PendingWrite | undefined, messages: readonly Message[]): void {
    if (write === undefined) this.#release(messages)
    else write.released.push(...messages)
  }

  #release(messages: readonly Message[]): void {
    for (const message of messages) {
      if (message.to === this.id) this.core.step(message)
      else this.outgoing.push(message)
    }
  }
}
