import type { Applier, Settle } from '../apply/applier.js'
import type { LogIndex } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import type { FrameBatch, ReplicaLog } from '../wal/replica-log.js'
import type { FrameSource } from './frame-source.js'

export interface PumpPorts {
  /** Entries up to the applier's applied index are done. */
  applied(): void
  /** The state machine failed, or committed entries cannot be read: the replica must stop. */
  failed(error: unknown): void
  /** Runs the pump again in a later turn of the event loop. */
  again(): void
  track(promise: Promise<void>): void
}

/** Feeds the applier with committed entries, from memory when they are there, from disk otherwise. One batch at a time;
 *  one turn of the event loop applies one batch budget, so that a long replay does not silence the replica. */
export class ApplyPump {
  readonly #applier: Applier
  readonly #log: ReplicaLog
  readonly #source: FrameSource
  readonly #batchBytesMax: number
  readonly #settle: () => Settle | null
  readonly #ports: PumpPorts
  #committedIndex: LogIndex
  /** A read or an asynchronous apply is under way. */
  #busy = false
  #stopped = false

  constructor(options: {
    readonly applier: Applier
    readonly log: ReplicaLog
    readonly source: FrameSource
    readonly batchBytesMax: number
    /** Who is told of answers; null when nobody waits. */
    readonly settle: () => Settle | null
    readonly ports: PumpPorts
  }) {
    this.#applier = options.applier
    this.#log = options.log
    this.#source = options.source
    this.#batchBytesMax = options.batchBytesMax
    this.#settle = options.settle
    this.#ports = options.ports
    this.#committedIndex = options.applier.appliedIndex
  }

  /** Whether the machine is between two batches, so that its state may be read. */
  get isIdle(): boolean {
    return !this.#busy
  }

  /** Entries up to here may be applied. */
  commit(index: LogIndex): void {
    if (index > this.#committedIndex) this.#committedIndex = index
  }

  /** Applies what is committed, as far as it is at hand. */
  run(): void {
    let budget = this.#batchBytesMax
    while (!this.#busy && !this.#stopped && this.#applier.appliedIndex < this.#committedIndex) {
      if (budget <= 0) {
        this.#ports.again()
        return
      }
      const next = asIndex(this.#applier.appliedIndex + 1)
      const batch = this.#source.recent(next, this.#committedIndex, budget)
      if (batch === null) this.#start(this.#readAndApply(next))
      else this.#apply(batch)
      budget -= batch?.bytes.length ?? 0
    }
  }

  /** Applies nothing more. */
  stop(): void {
    this.#stopped = true
  }

  #apply(batch: FrameBatch): void {
    const pending = this.#feed(batch)
    if (pending === undefined) this.#ports.applied()
    else this.#start(pending)
  }

  #feed(batch: FrameBatch): Promise<void> | undefined {
    const payload = (position: number): Uint8Array => this.#log.payload(batch, position)
    return this.#applier.apply({ range: batch.range, payload }, this.#settle())
  }

  #start(work: Promise<void>): void {
    this.#busy = true
    this.#ports.track(this.#finish(work))
  }

  async #finish(work: Promise<void>): Promise<void> {
    try {
      await work
      this.#busy = false
      if (!this.#stopped) this.#ports.applied()
    } catch (error) {
      if (!this.#stopped) this.#ports.failed(error)
    }
  }

  async #readAndApply(next: LogIndex): Promise<void> {
    const batch = await this.#source.read(next, this.#committedIndex, this.#batchBytesMax)
    if (!this.#stopped) await this.#feed(batch)
  }
}
