/** Turns a Ready into effects. This is the one place where their order is written down.
 *
 *  1. The write of a Ready (hard state, truncation, entries) is queued at the log before anything of it is sent. It is
 *     one write: a term can never be younger on disk than an entry of that term (E02).
 *  2. No message leaves while a term or a vote is on its way to the disk: every message speaks for the term it carries,
 *     a vote reply for the vote (E01). Such messages leave when the newest write with a term or vote is durable.
 *  3. Otherwise `messages` leave at once, before their entries are durable here: the leader's own appends (Raft
 *     dissertation §10.2.1), heartbeats, requests for votes.
 *  4. `messagesAfterPersist` promise durability: append acknowledgements, granted votes, the replica's own vote. They
 *     leave when the write of their Ready and every earlier write are durable; those addressed to this replica go back
 *     into its core.
 *  5. The core hears of its own durability only through `acknowledge`, after the log said so.
 *  6. A commit index alone is not worth a sync: it rides on the next write.
 *
 *  Writes are pipelined and complete in the order in which they were queued. */
import type { ClustorError, ErrorCode } from '../base/errors.js'
import type { LogIndex, ReplicaId, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { invariant } from '../base/invariant.js'
import type { Message } from '../raft/messages.js'
import type { Acknowledgement, HardState, Ready } from '../raft/ready.js'
import { countWithin, sliceBatch } from '../wal/frames.js'
import type { FrameBatch, LogWrite, ReplicaLog } from '../wal/replica-log.js'

/** Where effects and completions go. None of these may run the executor again from inside. */
export interface ExecutorPorts {
  /** Sends to another replica. */
  send(message: Message): void
  /** Hands a message of this replica to itself back to the core. */
  stepSelf(message: Message): void
  /** A write and all before it are durable. */
  acknowledge(acknowledgement: Acknowledgement): void
  /** The disk is full: nothing is durable beyond what was acknowledged. Call `retry` when space may be there again. */
  diskFull(error: ClustorError): void
  /** Writes that a full disk had refused are durable. */
  diskResumed(): void
  /** The log takes no more writes, or a promise of its was broken: the replica must stop. */
  failed(error: unknown): void
}

/** Failures after which nothing was written and a later attempt may succeed. */
const shortages: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ERR_DISK_FULL',
  'ERR_QUOTA_EXCEEDED',
  'ERR_TOO_MANY_FILES',
])

interface PendingWrite {
  readonly write: LogWrite
  /** Whether the write carries a new term or vote. */
  readonly changesVote: boolean
  acknowledgement: Acknowledgement | undefined
  /** What leaves when this write is durable, in this order. */
  readonly messages: Message[]
  /** Handed to the log and not answered. */
  submitted: boolean
}

/** Executes the Readies of one partition, in order. */
export class ReadyExecutor {
  readonly #replica: ReplicaId
  readonly #log: ReplicaLog
  readonly #ports: ExecutorPorts
  /** Not yet durable, oldest first. */
  readonly #pending: PendingWrite[] = []
  /** The hard state of the newest write. */
  #written: HardState
  #durableTerm: Term
  #durableIndex: LogIndex
  /** A hard state that differs from the written one in the commit index only. */
  #commitOnly: HardState | undefined
  #full = false

  constructor(replica: ReplicaId, log: ReplicaLog, ports: ExecutorPorts) {
    this.#replica = replica
    this.#log = log
    this.#ports = ports
    this.#written = log.recovered.hardState
    this.#durableTerm = log.recovered.hardState.term
    this.#durableIndex = log.recovered.entries.lastIndex
  }

  /** Whether the disk refused writes and they wait for `retry`. */
  get isDiskFull(): boolean {
    return this.#full
  }

  /** The last entry that is on stable storage here, as far as the log has said. */
  get durableIndex(): LogIndex {
    return this.#durableIndex
  }

  /** Entries up to here are on stable storage and stay there, as far as is known: a write under way that truncates has
   *  replaced what the disk still shows above. Whoever reads the disk stops here. */
  get readableIndex(): LogIndex {
    let readable = this.#durableIndex
    for (const { write } of this.#pending) {
      const { truncateFrom } = write
      if (truncateFrom !== undefined) readable = asIndex(Math.min(readable, truncateFrom - 1))
    }
    return readable
  }

  /** Writes that are not durable. */
  get pendingWriteCount(): number {
    return this.#pending.length
  }

  /** @param frames the bytes of `ready.entries`, present exactly when those are. */
  execute(ready: Ready, frames: FrameBatch | undefined): void {
    this.#persist(ready, frames)
    const voteWrite = this.#pending.findLast((write) => write.changesVote)
    this.#release(ready.messages, voteWrite)
    this.#release(ready.messagesAfterPersist, this.#pending.at(-1))
  }

  /** Hands the writes that a full disk refused to the log again, in order. */
  retry(): void {
    if (!this.#full || this.#pending.some((write) => write.submitted)) return
    for (const write of this.#pending) this.#submit(write)
  }

  /** Frames that a full disk refused: the log does not have them, appliers and followers may still want them. What a later
   *  refused write replaces is not given out. */
  refusedFrames(firstIndex: LogIndex, lastIndex: LogIndex, bytesMax: number): FrameBatch | null {
    if (!this.#full) return null
    let end: number = lastIndex
    for (const { write } of this.#pending.toReversed()) {
      const { frames, truncateFrom } = write
      if (frames !== undefined && holds(frames, firstIndex)) {
        return firstOf(frames, firstIndex, { lastIndex: end, bytesMax })
      }
      if (truncateFrom === undefined) continue
      if (truncateFrom <= firstIndex) return null
      end = Math.min(end, truncateFrom - 1)
    }
    return null
  }

  #persist(ready: Ready, frames: FrameBatch | undefined): void {
    const { hardState, truncateFrom, acknowledgement } = ready
    const changesVote = hardState !== undefined && this.#changesVote(hardState)
    if (hardState !== undefined) this.#commitOnly = hardState
    if (!changesVote && truncateFrom === undefined && frames === undefined) {
      if (acknowledgement !== undefined) this.#acknowledgeWithLast(acknowledgement)
      return
    }
    const write: LogWrite = {
      ...(this.#commitOnly === undefined ? {} : { hardState: this.#commitOnly }),
      ...(truncateFrom === undefined ? {} : { truncateFrom }),
      ...(frames === undefined ? {} : { frames }),
    }
    if (this.#commitOnly !== undefined) this.#written = this.#commitOnly
    this.#commitOnly = undefined
    this.#enqueue(write, changesVote)
    const last = this.#pending.at(-1)
    if (last !== undefined) last.acknowledgement = acknowledgement
  }

  /** Queues a write at the log, as several when one cannot hold its frames: each is a state that a shorter Ready leads to, so
   *  none calls an entry committed that comes with a later one. */
  #enqueue(write: LogWrite, changesVote: boolean): void {
    const { frames, hardState } = write
    if (frames === undefined || frames.bytes.byteLength <= this.#log.writeBytesMax) {
      this.#queue(write, changesVote)
      return
    }
    for (const [at, part] of partsOf(frames, this.#log.writeBytesMax).entries()) {
      const state = hardState && { hardState: committedWithin(hardState, part.range.lastIndex) }
      this.#queue({ ...(at === 0 && write), ...state, frames: part }, at === 0 && changesVote)
    }
  }

  #queue(write: LogWrite, changesVote: boolean): void {
    const pending: PendingWrite = {
      write,
      changesVote,
      acknowledgement: undefined,
      messages: [],
      submitted: false,
    }
    this.#pending.push(pending)
    if (!this.#full) this.#submit(pending)
  }

  #changesVote(next: HardState): boolean {
    return next.term !== this.#written.term || next.vote !== this.#written.vote
  }

  // Nothing was written for it, so it is as durable as the newest write.
  #acknowledgeWithLast(acknowledgement: Acknowledgement): void {
    const last = this.#pending.at(-1)
    if (last === undefined) this.#ports.acknowledge(acknowledgement)
    else last.acknowledgement = acknowledgement
  }

  #release(messages: readonly Message[], after: PendingWrite | undefined): void {
    for (const message of messages) {
      if (after === undefined) this.#emit(message)
      else after.messages.push(message)
    }
  }

  #emit(message: Message): void {
    this.#assertMayLeave(message)
    if (message.to === this.#replica) this.#ports.stepSelf(message)
    else this.#ports.send(message)
  }

  #assertMayLeave(message: Message): void {
    const { kind, term } = message
    // A pre-vote and its answer name a term that nobody is in yet (dissertation §9.6).
    const speaksForTerm = kind !== 'pre-vote' && kind !== 'pre-vote-response'
    const durableTerm = this.#durableTerm
    invariant(!speaksForTerm || term <= durableTerm, 'P1', { kind, term, durableTerm })
    if (kind !== 'append-entries-response' || message.rejected) return
    const durableIndex = this.#durableIndex
    invariant(message.index <= durableIndex, 'P2', { index: message.index, durableIndex })
  }

  #submit(pending: PendingWrite): void {
    pending.submitted = true
    this.#log.persist(pending.write, (error) => {
      pending.submitted = false
      try {
        this.#completed(pending, error)
      } catch (thrown) {
        this.#ports.failed(thrown)
      }
    })
  }

  #completed(pending: PendingWrite, error: ClustorError | null): void {
    if (error === null) this.#complete(pending)
    else if (shortages.has(error.code)) this.#refuse(error)
    else this.#ports.failed(error)
  }

  #complete(done: PendingWrite): void {
    invariant(this.#pending.shift() === done, 'P3', { pending: this.#pending.length })
    this.#noteDurable(done.write)
    if (done.acknowledgement !== undefined) this.#ports.acknowledge(done.acknowledgement)
    for (const message of done.messages) this.#emit(message)
    if (this.#full && this.#pending.length === 0) {
      this.#full = false
      this.#ports.diskResumed()
    }
  }

  #noteDurable({ hardState, truncateFrom, frames }: LogWrite): void {
    if (hardState !== undefined) this.#durableTerm = hardState.term
    if (truncateFrom !== undefined && truncateFrom <= this.#durableIndex) {
      this.#durableIndex = asIndex(truncateFrom - 1)
    }
    if (frames !== undefined) this.#durableIndex = frames.range.lastIndex
  }

  // The log failed this write and all behind it: they stay here, with what waits for them, and nothing is told.
  #refuse(error: ClustorError): void {
    const first = !this.#full
    this.#full = true
    if (first) this.#ports.diskFull(error)
  }
}

/** The batch in pieces of at most bytesMax, or one entry each. */
function partsOf(frames: FrameBatch, bytesMax: number): readonly FrameBatch[] {
  const { firstIndex, lastIndex, byteLengths } = frames.range
  const parts: FrameBatch[] = []
  for (let next = firstIndex; next <= lastIndex;) {
    const position = next - firstIndex
    const { count } = countWithin(byteLengths, position, byteLengths.length - position, bytesMax)
    parts.push(sliceBatch(frames, next, count))
    next = asIndex(next + count)
  }
  return parts
}

const committedWithin = (state: HardState, lastIndex: LogIndex): HardState => ({
  ...state,
  commitIndex: asIndex(Math.min(state.commitIndex, lastIndex)),
})

const holds = ({ range }: FrameBatch, index: LogIndex): boolean =>
  index >= range.firstIndex && index <= range.lastIndex

/** As many entries of a batch from an index on as fit, at least one. */
function firstOf(
  frames: FrameBatch,
  firstIndex: LogIndex,
  { lastIndex, bytesMax }: { readonly lastIndex: number; readonly bytesMax: number },
): FrameBatch {
  const { range } = frames
  const position = firstIndex - range.firstIndex
  const wanted = Math.min(lastIndex, range.lastIndex) - firstIndex + 1
  const { count } = countWithin(range.byteLengths, position, wanted, bytesMax)
  return sliceBatch(frames, firstIndex, count)
}
