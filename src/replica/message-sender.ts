import type { ReplicaId, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { EntryRange } from '../raft/entry-range.js'
import type { AppendEntries, Message } from '../raft/messages.js'
import type { PeerMessage } from '../transport/transport.js'
import type { FrameBatch } from '../wal/replica-log.js'
import type { FrameSource } from './frame-source.js'

export interface SenderPorts {
  /** Never blocks. */
  send(message: PeerMessage): void
  /** A follower did not get what was meant for it: the core probes it again. */
  unreachable(replica: ReplicaId): void
  /** The term in which this replica leads right now; null when it does not. */
  leadingTerm(): Term | null
  /** Takes care of a promise that handles its own failures. */
  track(promise: Promise<void>): void
}

/** Appends that may wait for one follower's disk read; beyond it the follower is probed again. The core's own window is
 *  of this order. */
const waitingAppendsMax = 256

/** Puts the frame bytes beside append messages. Bytes come from this turn, from memory, and for a follower that is far
 *  behind from disk: one read at a time for each follower, its later appends wait in order.
 *
 *  An append without entries mostly tells a commit index, and the next append with entries tells it as well: it waits for
 *  that one, at most until the next tick, which saves two messages and their answers for every committed batch. */
export class MessageSender {
  readonly #source: FrameSource
  readonly #ports: SenderPorts
  /** Appends that wait for a read, by follower; present while one is in flight. */
  readonly #waiting = new Map<ReplicaId, AppendEntries[]>()
  /** The newest append without entries, by follower. */
  readonly #deferred = new Map<ReplicaId, AppendEntries>()
  #latest: FrameBatch | null = null

  constructor(source: FrameSource, ports: SenderPorts) {
    this.#source = source
    this.#ports = ports
  }

  /** The frames that were persisted in this turn: most appends carry exactly those. */
  offerLatest(batch: FrameBatch | null): void {
    this.#latest = batch
  }

  send(message: Message): void {
    if (message.kind !== 'append-entries') {
      this.#ports.send({ message, frames: null })
      return
    }
    if (message.entries === null) {
      this.#deferred.set(message.to, message)
      return
    }
    this.#deferred.delete(message.to)
    const waiting = this.#waiting.get(message.to)
    if (waiting !== undefined) this.#wait(waiting, message)
    else if (!this.#sendFromMemory(message, message.entries)) this.#startRead(message)
  }

  /** Sends the appends without entries that no later append has made needless. Call it on every tick. */
  sendDeferred(): void {
    for (const message of this.#deferred.values()) {
      if (message.term === this.#ports.leadingTerm()) this.#ports.send({ message, frames: null })
    }
    this.#deferred.clear()
  }

  #sendFromMemory(message: AppendEntries, entries: EntryRange): boolean {
    const { firstIndex, lastIndex } = entries
    const latest = this.#latest?.range
    const batch =
      latest?.firstIndex === firstIndex && latest.lastIndex === lastIndex
        ? this.#latest
        : this.#source.recent(firstIndex, lastIndex, Number.MAX_SAFE_INTEGER)
    if (batch?.range.lastIndex !== lastIndex) return false
    this.#latest = batch
    this.#ports.send({ message, frames: batch.bytes })
    return true
  }

  #wait(waiting: AppendEntries[], message: AppendEntries): void {
    if (waiting.length < waitingAppendsMax) {
      waiting.push(message)
      return
    }
    waiting.length = 0
    this.#ports.unreachable(message.to)
  }

  #startRead(message: AppendEntries): void {
    this.#waiting.set(message.to, [])
    this.#ports.track(this.#readAndSend(message))
  }

  async #readAndSend(message: AppendEntries): Promise<void> {
    try {
      const { entries } = message
      if (entries === null) return
      const bytes = await this.#readAll(entries)
      // The read took a while: what is not this leadership's own is not sent any more.
      if (this.#ports.leadingTerm() !== message.term) this.#waiting.delete(message.to)
      else {
        this.#ports.send({ message, frames: bytes })
        this.#sendWaiting(message.to)
      }
    } catch {
      this.#giveUp(message.to)
    }
  }

  async #readAll({ firstIndex, lastIndex, byteLengths }: EntryRange): Promise<Uint8Array> {
    // The core bounds an append (appendBytesMax), so this fits in memory.
    const bytesMax = byteLengths.reduce((sum, byteLength) => sum + byteLength, 0)
    const parts: Uint8Array[] = []
    for (let next = firstIndex; next <= lastIndex;) {
      const batch =
        this.#source.recent(next, lastIndex, bytesMax) ??
        (await this.#source.read(next, lastIndex, bytesMax))
      parts.push(batch.bytes)
      next = asIndex(batch.range.lastIndex + 1)
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  }

  #sendWaiting(replica: ReplicaId): void {
    const waiting = this.#waiting.get(replica) ?? []
    this.#waiting.delete(replica)
    for (const message of waiting) {
      if (message.term === this.#ports.leadingTerm()) this.send(message)
    }
  }

  #giveUp(replica: ReplicaId): void {
    this.#waiting.delete(replica)
    this.#ports.unreachable(replica)
  }
}
