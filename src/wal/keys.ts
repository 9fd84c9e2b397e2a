import { ClustorError } from '../base/errors.js'
import type { NativeKeys } from '../native/addon.js'

/** Bytes of every key: AES-256 and HMAC-SHA256. */
export const keyBytes = 32
const epochMax = 2 ** 32 - 1

/** Keys by epoch. Epochs are whole numbers from 1 to 2^32 - 1. */
export interface KeyRingKeys {
  /** Which key protects these keys where they are kept; only carried along. Default 1. */
  readonly kekVersion?: number | undefined
  /** Data keys, 32 bytes each: AES-256-GCM of blocks. */
  readonly dek: Readonly<Record<number, Uint8Array>>
  /** MAC keys, 32 bytes each: HMAC-SHA256 of segments. */
  readonly mac: Readonly<Record<number, Uint8Array>>
  /** Epoch of the data key of new segments; 0: they are not encrypted. */
  readonly activeDek: number
  /** Epoch of the MAC key of new segments; 0: they get no trailer. */
  readonly activeMac: number
}

/** The two kinds of keys. */
export type KeyKind = 'dek' | 'mac'

/** Copies of keys that can be zeroed. */
export class HeldKeys {
  readonly kekVersion: number
  readonly activeDek: number
  readonly activeMac: number
  readonly #dek: ReadonlyMap<number, Uint8Array>
  readonly #mac: ReadonlyMap<number, Uint8Array>

  /** Checks and copies.
   *  @param source names the caller in refusals.
   *  @throws ERR_INVALID_ARGUMENT naming kind, epoch and what is wrong; never the key. */
  constructor(keys: KeyRingKeys, source: string) {
    const { kekVersion = 1, activeDek, activeMac } = checkedShape(keys, source)
    if (!isEpoch(kekVersion)) throw refusal(source, 'kekVersion must be a whole number from 1 on')
    this.kekVersion = kekVersion
    this.#dek = copyKeys('dek', keys.dek, source)
    this.#mac = copyKeys('mac', keys.mac, source)
    this.activeDek = activeEpoch('activeDek', activeDek, this.#dek, source)
    this.activeMac = activeEpoch('activeMac', activeMac, this.#mac, source)
  }

  keysOf(kind: KeyKind): ReadonlyMap<number, Uint8Array> {
    return kind === 'dek' ? this.#dek : this.#mac
  }

  /** A copy as the addon takes it; whoever asks for it zeroes it. */
  toNative(allowPlain: boolean): NativeKeys {
    const keys = [...this.#dek.values(), ...this.#mac.values()]
    const bytes = new Uint8Array(keys.length * keyBytes)
    for (const [position, key] of keys.entries()) bytes.set(key, position * keyBytes)
    return {
      dekEpochs: Uint32Array.from(this.#dek.keys()),
      macEpochs: Uint32Array.from(this.#mac.keys()),
      bytes,
      activeDek: this.activeDek,
      activeMac: this.activeMac,
      allowPlain,
    }
  }

  /** Overwrites the keys with zeros. */
  wipe(): void {
    for (const key of [...this.#dek.values(), ...this.#mac.values()]) key.fill(0)
  }
}

function checkedShape(keys: KeyRingKeys, source: string): KeyRingKeys {
  const given: unknown = keys
  if (isTable(given) && isTable(given['dek']) && isTable(given['mac'])) return keys
  throw refusal(source, 'keys need dek and mac, each a table of keys by epoch')
}

function copyKeys(
  kind: KeyKind,
  keys: Readonly<Record<string, unknown>>,
  source: string,
): Map<number, Uint8Array> {
  const copies = new Map<number, Uint8Array>()
  for (const [text, key] of Object.entries(keys)) {
    const epoch = Number(text)
    if (!isEpoch(epoch)) throw refusal(source, `${kind} epoch ${text} is not from 1 to ${epochMax}`)
    if (!(key instanceof Uint8Array) || key.byteLength !== keyBytes) {
      throw refusal(source, `the ${kind} key of epoch ${epoch} must be ${keyBytes} bytes`)
    }
    // Not from Node's shared pool: zeroing must reach the only copy.
    copies.set(epoch, Uint8Array.from(key))
  }
  return copies
}

function activeEpoch(
  name: string,
  epoch: unknown,
  keys: ReadonlyMap<number, Uint8Array>,
  source: string,
): number {
  if (epoch === 0) return 0
  if (typeof epoch === 'number' && keys.has(epoch)) return epoch
  const held = [...keys.keys()].join(', ')
  const epochs = held === '' ? 'there is none' : `there is ${held}`
  throw refusal(
    source,
    `${name} is ${String(epoch)}; it must be 0 or the epoch of a key: ${epochs}`,
  )
}

const isEpoch = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= epochMax

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const refusal = (source: string, what: string): ClustorError =>
  new ClustorError('ERR_INVALID_ARGUMENT', `${source}: ${what}`)
