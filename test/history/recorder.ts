import { setTimeout as sleep } from 'node:timers/promises'

import { integerBetween } from '../../src/base/random.js'
import type { Random } from '../../src/base/random.js'
import { Client, ClustorError } from '../../src/client.js'
import type { KeyValueClient, KeyValueResult } from '../../src/client.js'
import type { Operation } from '../sim/history.js'

type Call = Pick<Operation, 'op' | 'key' | 'value' | 'expected'>

const timeoutMs = 2_000
const keyCount = 4
/** After so many operations of a client new keys are taken: short histories are checked fast. */
const operationsPerKeys = 100

/** A client of a real cluster that does one operation at a time and keeps what it saw. */
export class Recorder {
  readonly history: Operation[] = []
  readonly #name: string
  readonly #random: Random
  readonly #endpoints: readonly string[]
  readonly #startedNs: bigint
  readonly #versions = new Map<string, number>()
  #count = 0

  constructor(
    name: string,
    {
      endpoints,
      random,
      startedNs,
    }: { endpoints: readonly string[]; random: Random; startedNs: bigint },
  ) {
    this.#name = name
    this.#random = random
    this.#endpoints = endpoints
    this.#startedNs = startedNs
  }

  /** Works until told to stop. */
  async run(isOver: () => boolean): Promise<void> {
    const client = await Client.connect({ endpoints: this.#endpoints })
    const keyValue = client.keyValue('default')
    try {
      while (!isOver()) {
        await this.#operate(keyValue, this.#draw())
        await sleep(this.#between(1, 4))
      }
    } finally {
      await client.close()
    }
  }

  #draw(): Call {
    this.#count += 1
    const epoch = Math.floor(this.#count / operationsPerKeys)
    const key = `${epoch}/${this.#between(1, keyCount)}`
    const op = (['put', 'get', 'get', 'cas', 'delete'] as const)[this.#between(0, 4)] ?? 'get'
    const value = op === 'put' || op === 'cas' ? `${this.#name}:${this.#count}` : null
    return { op, key, value, expected: op === 'cas' ? (this.#versions.get(key) ?? 0) : null }
  }

  async #operate(keyValue: KeyValueClient, call: Call): Promise<void> {
    const callNs = this.#nowNs()
    try {
      const result = await this.#perform(keyValue, call)
      this.#note(call, { callNs, result, outcome: 'ok' })
    } catch (error) {
      const certain = error instanceof ClustorError && error.outcome === 'not-applied'
      this.#note(call, { callNs, result: null, outcome: certain ? 'fail' : 'unknown' })
    }
  }

  async #perform(
    keyValue: KeyValueClient,
    { op, key, value, expected }: Call,
  ): Promise<NonNullable<Operation['result']>> {
    if (op === 'get') {
      const row = await keyValue.get(key, { timeoutMs })
      const version = row?.version ?? 0
      this.#versions.set(key, version)
      return { value: row === null ? null : Buffer.from(row.value).toString(), version }
    }
    const answer = await this.#write(keyValue, { op, key, value, expected })
    const { outcome, previousVersion, version } = answer
    this.#versions.set(key, version)
    return { done: outcome === 'done', previousVersion, version }
  }

  #write(keyValue: KeyValueClient, { op, key, value, expected }: Call): Promise<KeyValueResult> {
    if (op === 'delete') return keyValue.delete(key, { timeoutMs })
    if (op === 'put') return keyValue.put(key, value ?? '', { timeoutMs })
    return keyValue.compareAndSet(key, expected ?? 0, value, { timeoutMs })
  }

  #note(call: Call, seen: Pick<Operation, 'callNs' | 'result' | 'outcome'>): void {
    this.history.push({ client: this.#name, ...call, ...seen, returnNs: this.#nowNs() })
  }

  #nowNs(): number {
    return Number(process.hrtime.bigint() - this.#startedNs)
  }

  #between(min: number, max: number): number {
    return integerBetween(this.#random, min, max)
  }
}
