import { ClustorError } from '../base/errors.js'
import type { NativeKeys } from '../native/addon.js'
import { readKeyFile } from './key-file.js'
import { HeldKeys, type KeyRingKeys } from './keys.js'

/** Where the keys of a ring come from when a log needs them. */
type KeySource =
  | { readonly kind: 'held'; readonly keys: HeldKeys }
  | { readonly kind: 'provider'; readonly load: () => Promise<KeyRingKeys> }

/** What a log under a ring may hold. */
export interface KeyRingOptions {
  /** Whether segments may lack the protection that an active key gives: those from before the log had keys. Whoever can
   *  write to the disk can make such a segment and put it in the place of an encrypted one, so by default it is refused
   *  with ERR_LOG_UNPROTECTED. Meant for the time until `rewriteDirectory` has protected them. Default false. */
  readonly allowPlain?: boolean | undefined
}

let keysOf: (ring: KeyRing) => Promise<NativeKeys>

/** The keys of logs. Data keys (dek) encrypt blocks, MAC keys seal segments; both come in epochs, of which one each is
 *  active: new segments use it, the others only open what is there.
 *
 *  A ring may serve any number of logs; each takes a copy into native memory, which is zeroed when the log closes. The
 *  ring's own bytes are zeroed by `dispose`. Keys that came as text (a key file) also pass through strings, which
 *  JavaScript cannot zero. */
export class KeyRing {
  #source: KeySource | null
  readonly #allowPlain: boolean

  private constructor(source: KeySource, { allowPlain = false }: KeyRingOptions) {
    this.#source = source
    this.#allowPlain = allowPlain
  }

  static {
    keysOf = (ring) => ring.#load()
  }

  /** A ring of keys that the caller has; they are copied.
   *  @throws ERR_INVALID_ARGUMENT for a key that has not 32 bytes, an epoch that is no whole number from 1 to 2^32 - 1,
   *  or an active epoch without a key. */
  static fromBytes(keys: KeyRingKeys, options: KeyRingOptions = {}): KeyRing {
    return new KeyRing({ kind: 'held', keys: new HeldKeys(keys, 'KeyRing.fromBytes') }, options)
  }

  /** A ring of the keys in a file that `clustor keys create` made; the file is read at once.
   *  @throws ERR_KEY_FILE_INVALID when it is missing, unreadable or holds something else; ERR_KEY_FILE_EXPOSED when
   *  others than its owner may use it (not on Windows). */
  static fromFile(path: string, options: KeyRingOptions = {}): KeyRing {
    return new KeyRing({ kind: 'held', keys: readKeyFile(path) }, options)
  }

  /** A ring that asks for its keys, for example a key management service: each time a log is opened and each time keys
   *  are rotated. Between the calls the ring holds nothing; the bytes it is given stay the caller's to zero.
   *  The log rejects with ERR_KEY_PROVIDER_FAILED (and the reason as `cause`) when the call does. */
  static fromProvider(load: () => Promise<KeyRingKeys>, options: KeyRingOptions = {}): KeyRing {
    if (typeof load === 'function') return new KeyRing({ kind: 'provider', load }, options)
    throw new ClustorError('ERR_INVALID_ARGUMENT', 'KeyRing.fromProvider needs a function')
  }

  /** Zeroes the keys. Logs that are open go on; the ring opens no more. Idempotent. */
  dispose(): void {
    if (this.#source?.kind === 'held') this.#source.keys.wipe()
    this.#source = null
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async #load(): Promise<NativeKeys> {
    if (this.#source === null) throw new ClustorError('ERR_CLOSED', 'the key ring was disposed of')
    if (this.#source.kind === 'held') return this.#source.keys.toNative(this.#allowPlain)
    const keys = new HeldKeys(await provided(this.#source.load), 'the answer of the key provider')
    try {
      return keys.toNative(this.#allowPlain)
    } finally {
      keys.wipe()
    }
  }
}

/** Runs a native call with the keys of a ring. The call must copy them before it returns (the addon does): they are
 *  zeroed right after, not when its promise settles.
 *  @param ring undefined: the call gets null. */
export async function withKeys<Result>(
  ring: KeyRing | undefined,
  call: (keys: NativeKeys | null) => Promise<Result>,
): Promise<Result> {
  if (ring === undefined) return await call(null)
  const keys = await keysOf(ring)
  return await wiping(keys, call)
}

/** Not async: the keys are zeroed while the call is still under way. */
function wiping<Result>(
  keys: NativeKeys,
  call: (keys: NativeKeys) => Promise<Result>,
): Promise<Result> {
  try {
    return call(keys)
  } finally {
    keys.bytes.fill(0)
  }
}

async function provided(load: () => Promise<KeyRingKeys>): Promise<KeyRingKeys> {
  try {
    return await load()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ClustorError('ERR_KEY_PROVIDER_FAILED', `the key provider failed: ${reason}`, {
      cause,
    })
  }
}
