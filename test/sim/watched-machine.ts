import { createHash } from 'node:crypto'

import { KeyValueMachine } from '../../src/apply/key-value.js'
import { decodeCommand } from '../../src/apply/key-value-codec.js'
import type { CommittedBatch, CommittedEntry, StateMachine } from '../../src/apply/state-machine.js'

/** One entry that a machine applied, and a digest of all that it had applied and answered by then. */
export interface AppliedEntry {
  readonly index: number
  /** The value that the command writes, unique in a run; null for a command that writes none. */
  readonly value: string | null
  readonly digest: string
}

/** The key-value machine, remembering what reached it. */
export class WatchedMachine implements StateMachine {
  readonly keyValue = new KeyValueMachine()
  readonly applied: AppliedEntry[] = []
  readonly #later: boolean
  #digest = ''

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
    const hash = createHash('sha1').update(`${this.#digest} ${index} `).update(payload)
    this.#digest = hash
      .update(result ?? '')
      .digest('hex')
      .slice(0, 12)
    const command = decodeCommand(payload)
    const written = command === null || command.kind === 'delete' ? null : command.value
    const value = written === null ? null : Buffer.from(written).toString()
    this.applied.push({ index, value, digest: this.#digest })
  }
}
