import { KeyValueMachine } from '../../src/apply/key-value.js'
import { decodeCommand } from '../../src/apply/key-value-codec.js'
import type { CommittedBatch, CommittedEntry, StateMachine } from '../../src/apply/state-machine.js'
import { Digest } from './digest.js'

/** One entry that a machine applied, and a digest of all that it had applied and answered by then. */
export interface AppliedEntry {
  readonly index: number
  /** The value that the command writes, unique in a run; null for a command that writes none. */
  readonly value: string | null
  readonly digest: string
}

const nothing = new Uint8Array(0)

/** The key-value machine, remembering what reached it. */
export class WatchedMachine implements StateMachine {
  readonly keyValue = new KeyValueMachine()
  readonly applied: AppliedEntry[] = []
  readonly #later: boolean
  readonly #digest = new Digest()

  /** @param later whether `apply` returns a promise. */
  constructor(later: boolean) {
    this.#later = later
  }

  apply(batch: CommittedBatch): readonly Uint8Array[] | Promise<readonly Uint8Array[]> {
    const results = this.keyValue.apply(batch)
    for (const [at, entry] of batch.entries()) this.#note(entry, results[at])
    return this.#later ? Promise.resolve(results) : results
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
