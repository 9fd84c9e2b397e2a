import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { ClustorError } from '../base/errors.js'
import { HeldKeys, keyBytes, type KeyKind, type KeyRingKeys } from './keys.js'

const fileVersion = 1
const fileBytesMax = 1024 * 1024
/** Of a file's mode: what group and others may do. */
const othersMask = 0o077

/** What a key file holds, without its keys. */
export interface KeyFileSummary {
  readonly path: string
  readonly kekVersion: number
  readonly dekEpochs: readonly number[]
  readonly macEpochs: readonly number[]
  readonly activeDek: number
  readonly activeMac: number
}

/** Reads a key file.
 *  @throws ERR_KEY_FILE_INVALID, ERR_KEY_FILE_EXPOSED. */
export function readKeyFile(path: string): HeldKeys {
  const bytes = readPrivately(path)
  try {
    return parseKeyFile(bytes, path)
  } finally {
    bytes.fill(0)
  }
}

/** Makes a key file with one random data key and one random MAC key, for its owner only. It is there as a whole or not at
 *  all, and durable on return.
 *  @throws ERR_KEY_FILE_EXISTS; what the file system says when it cannot be written. */
export function createKeyFile(path: string): KeyFileSummary {
  const keys = { kekVersion: 1, dek: { 1: newKey() }, mac: { 1: newKey() } }
  const held = new HeldKeys({ ...keys, activeDek: 1, activeMac: 1 }, path)
  // A link, unlike a rename, never replaces keys that are there: without them their logs are lost.
  writeBeside(path, held, (written) => linkSync(written, path))
  return summary(path, held)
}

/** Adds a random data key and a random MAC key under the next epochs and makes them active. Older keys stay: what they
 *  cover needs them. The file is replaced as a whole, and durable on return.
 *  @throws as `readKeyFile`; ERR_KEY_FILE_EXISTS while another rotation is under way. */
export function rotateKeyFile(path: string): KeyFileSummary {
  const held = readKeyFile(path)
  const activeDek = nextEpoch(held, 'dek')
  const activeMac = nextEpoch(held, 'mac')
  const grown = new HeldKeys(
    {
      kekVersion: held.kekVersion,
      dek: { ...Object.fromEntries(held.keysOf('dek')), [activeDek]: newKey() },
      mac: { ...Object.fromEntries(held.keysOf('mac')), [activeMac]: newKey() },
      activeDek,
      activeMac,
    },
    path,
  )
  held.wipe()
  writeBeside(path, grown, (written) => {
    renameSync(written, path)
  })
  return summary(path, grown)
}

function summary(path: string, held: HeldKeys): KeyFileSummary {
  const { kekVersion, activeDek, activeMac } = held
  const dekEpochs = [...held.keysOf('dek').keys()]
  const macEpochs = [...held.keysOf('mac').keys()]
  held.wipe()
  return { path, kekVersion, dekEpochs, macEpochs, activeDek, activeMac }
}

/** Bytes of a file that only its owner may use: the check is of the file that was opened, not of its name. */
function readPrivately(path: string): Buffer {
  const file = openForReading(path)
  try {
    const { mode, size } = fstatSync(file)
    if (size > fileBytesMax) throw invalid(path, `it has ${size} bytes; that is no key file`)
    if (process.platform !== 'win32' && (mode & othersMask) !== 0) throw exposed(path, mode)
    return readFileSync(file)
  } catch (error) {
    throw error instanceof ClustorError ? error : invalid(path, messageOf(error), error)
  } finally {
    closeSync(file)
  }
}

function openForReading(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw invalid(path, messageOf(error), error)
  }
}

function parseKeyFile(bytes: Buffer, path: string): HeldKeys {
  const table = parseJson(bytes, path)
  if (table['version'] !== fileVersion) {
    throw invalid(path, `version is ${JSON.stringify(table['version'])}; it must be ${fileVersion}`)
  }
  const keys = {
    kekVersion: table['kekVersion'],
    dek: decodeKeys('dek', table['dek'], path),
    mac: decodeKeys('mac', table['mac'], path),
    activeDek: table['activeDek'],
    activeMac: table['activeMac'],
  }
  try {
    // HeldKeys checks the rest.
    return new HeldKeys(keys as KeyRingKeys, path)
  } catch (error) {
    throw invalid(path, messageOf(error), error)
  } finally {
    for (const key of [...Object.values(keys.dek), ...Object.values(keys.mac)]) key.fill(0)
  }
}

function parseJson(bytes: Buffer, path: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(bytes.toString('utf8'))
    if (isTable(parsed)) return parsed
  } catch {
    // The message of JSON.parse quotes the text around the mistake, which may be a key.
  }
  throw invalid(path, 'it holds no JSON object')
}

function decodeKeys(kind: KeyKind, keys: unknown, path: string): Record<string, Uint8Array> {
  if (!isTable(keys)) throw invalid(path, `${kind} must be a table of keys by epoch`)
  return Object.fromEntries(
    Object.entries(keys).map(([epoch, text]) => [epoch, decodeKey(kind, epoch, text, path)]),
  )
}

/** 32 bytes as 64 hexadecimal digits, or as base64 with or without its padding. */
function decodeKey(kind: KeyKind, epoch: string, text: unknown, path: string): Uint8Array {
  if (typeof text === 'string') {
    if (/^[0-9A-Fa-f]{64}$/.test(text)) return takeBytes(Buffer.from(text, 'hex'))
    if (/^[A-Za-z0-9+/]{43}=?$/.test(text)) return takeBytes(Buffer.from(text, 'base64'))
  }
  throw invalid(
    path,
    `the ${kind} key of epoch ${epoch} must be ${keyBytes} bytes as base64 or hexadecimal`,
  )
}

/** Moves bytes out of Node's shared pool and leaves zeros there. */
function takeBytes(pooled: Buffer): Uint8Array {
  const bytes = Uint8Array.from(pooled)
  pooled.fill(0)
  return bytes
}

function encodeKeyFile(held: HeldKeys): string {
  const encode = (kind: KeyKind): Record<string, string> =>
    Object.fromEntries(
      [...held.keysOf(kind)].map(([epoch, key]) => [epoch, Buffer.from(key).toString('base64')]),
    )
  const { kekVersion, activeDek, activeMac } = held
  const [dek, mac] = [encode('dek'), encode('mac')]
  const table = { version: fileVersion, kekVersion, activeDek, activeMac, dek, mac }
  return `${JSON.stringify(table, null, 2)}\n`
}

/** Writes the file under a name of its own, which doubles as a lock against a second writer, and moves it into place. */
function writeBeside(path: string, held: HeldKeys, move: (written: string) => void): void {
  const beside = `${path}.next`
  try {
    const file = openSync(beside, 'wx', 0o600)
    try {
      writeSync(file, encodeKeyFile(held))
      fsyncSync(file)
      move(beside)
    } finally {
      closeSync(file)
      rmSync(beside, { force: true })
    }
  } catch (error) {
    held.wipe()
    throw isExisting(error) ? existing(error, path) : error
  }
  syncDirectory(dirname(path))
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return
  const directory = openSync(path, 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
}

const newKey = (): Uint8Array => takeBytes(randomBytes(keyBytes))

const nextEpoch = (held: HeldKeys, kind: KeyKind): number =>
  Math.max(0, ...held.keysOf(kind).keys()) + 1

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unknown')

const isExisting = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'code' in error && error.code === 'EEXIST'

function invalid(path: string, what: string, cause?: unknown): ClustorError {
  return new ClustorError('ERR_KEY_FILE_INVALID', `key file ${path}: ${what}`, {
    cause,
    fields: { path },
  })
}

function exposed(path: string, mode: number): ClustorError {
  const octal = (mode & 0o777).toString(8).padStart(3, '0')
  return new ClustorError(
    'ERR_KEY_FILE_EXPOSED',
    `key file ${path} has mode ${octal}, so that others than its owner may use it; run: chmod 600 ${path}`,
    { fields: { path, mode: octal } },
  )
}

/** EEXIST comes from the link, when the key file is there, or from the file beside it. */
function existing(error: NodeJS.ErrnoException, path: string): ClustorError {
  const what =
    error.syscall === 'link'
      ? `key file ${path} exists; its keys are not overwritten, \`clustor keys rotate\` adds new ones`
      : `${path}.next exists: another rotation is under way; if none is, one was interrupted: remove that file`
  return new ClustorError('ERR_KEY_FILE_EXISTS', what, { cause: error, fields: { path } })
}
