import { KeyValueMachine } from '../../src/apply/key-value.js'
import { decodeCommand } from '../../src/apply/key-value-codec.js'
import type { CommittedBatch, CommittedEntry, StateMachine } from '../../src/apply/state-machine.js'
import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import { Digest } from './digest.js'

/** One entry that a machine applied, and a digest of all that it had applied and answered by then. */
export interface AppliedEntry {
  readonly index: number
  /** The value that the command writes, unique in a run; null for a command that writes none. */
  readonly value: string | null
  readonly digest: string
}

/** How long a machine takes for a batch. */
export interface ApplyDelay {
  readonly random: Random
  stepsMax: number
}

const nothing = new Uint8Array(0)

/** The key-value machine, remembering what reached it. */
export class WatchedMachine implements StateMachine {
  readonly keyValue = new KeyValueMachine()
  readonly applied: AppliedEntry[] = []
  readonly #delay: ApplyDelay | null
  /** What is to be done with a batch, and in how many steps. */
  #pending: { steps: number; readonly answer: () => void } | null = null
  readonly #digest = new Digest()

  /** @param delay null: `apply` answers without a promise. */
  constructor(delay: ApplyDelay | null) {
    this.#delay = delay
  }

  apply(batch: CommittedBatch): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    return this.#delay === null ? this.#apply(batch) : this.#applyLater(batch, this.#delay)
  }

  /** A step of time passes. */
  step(): void {
    if (this.#pending === null) return
    this.#pending.steps -= 1
    if (this.#pending.steps > 0) return
    this.#pending.answer()
    this.#pending = null
  }

  /** From now on it takes no time. */
  calm(): void {
    if (this.#delay !== null) this.#delay.stepsMax = 0
  }

  #applyLater(
    batch: CommittedBatch,
    { random, stepsMax }: ApplyDelay,
  ): Promise<readonly Uint8Array[]> {
    const steps = integerBetween(random, 0, stepsMax)
    if (steps === 0) return Promise.resolve(this.#apply(batch))
    return new Promise((resolve) => {
      const answer = (): void => {
        resolve(this.#apply(batch))
      }
      this.#pending = { steps, answer }
    })
  }

  #apply(batch: CommittedBatch): readonly Uint8Array[] {
    const results = this.keyValue.apply(batch)
    for (const [at, entry] of batch.entries()) this.#note(entry, results[at])
    return results
  }

  #note({ index, payload }: CommittedEntry, result: Uint8Array | undefined): void {
    this.#digest.addNumber(index)
    this.#digest.add(payload)
    this.#digest.add(result ?? nothing)
    const command = decodeCommand(payload)
    const written = command === null || command.kind === 'delete' ? null : command.value
    const value = written === null ? null : Buffer.from(written).toString()
    this.applied.push({ index, value, digest: this.#digest.toString() })
  }
}
