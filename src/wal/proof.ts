import { createHash, timingSafeEqual } from 'node:crypto'
import type { NativeProof } from '../native/addon.js'
import { framePrefixBytes, frameTrailerBytes } from './frames.js'

const proofFormat = 1
const hashBytes = 32
/** Of a tree with 2^53 leaves. */
const pathMax = 53

/** That an entry is part of a segment: its bytes, and the way from them to the root of the segment's Merkle tree
 *  (docs/wal-format.md, "Merkle tree"). Plain JSON: it can be kept and sent as it is. */
export interface EntryProof {
  readonly format: typeof proofFormat
  readonly segment: number
  /** Of the entry. */
  readonly index: number
  /** Of the first live entry of the segment. */
  readonly firstIndex: number
  /** Live entries of the segment. */
  readonly count: number
  /** What the leaf is the hash of: the frame of the entry, base64. */
  readonly frame: string
  /** Hashes beside the way up, nearest to the leaf first, hexadecimal. */
  readonly path: readonly string[]
  /** The root that the way leads to, hexadecimal. Believe only one that came by another way. */
  readonly root: string
}

/** What a proof proves. */
export interface ProvenEntry {
  readonly index: number
  readonly term: number
  /** 0 for entries of callers; others belong to a replica. */
  readonly kind: number
  readonly payload: Uint8Array
}

/** Whether the entry of a proof is part of the segment with that root. Needs neither the log nor its keys, reads nothing,
 *  and never throws: what is no proof proves nothing.
 *  @param root 32 bytes, or 64 hexadecimal digits, from where it can be believed: not from the proof itself. */
export function verifyProof(proof: EntryProof, root: Uint8Array | string): boolean {
  const wanted = toHash(root)
  const parts = readProof(proof)
  if (wanted === null || parts === null) return false
  const { entry, frame, path } = parts
  if (entry.index !== proof.index) return false
  const place = proof.index - proof.firstIndex
  const found = foldPath(leafOf(frame), place, proof.count, path)
  return found !== null && timingSafeEqual(found, wanted)
}

/** The entry that a proof speaks of, read from its frame; null when there is none. Says nothing about its truth. */
export function entryOfProof(proof: EntryProof): ProvenEntry | null {
  return readProof(proof)?.entry ?? null
}

/** The proof as the addon gives it, as JSON. */
export function toEntryProof(proof: NativeProof): EntryProof {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
  const path: string[] = []
  for (let offset = 0; offset < proof.path.byteLength; offset += hashBytes) {
    path.push(hex(proof.path.subarray(offset, offset + hashBytes)))
  }
  const { segment, index, firstIndex, count } = proof
  const frame = Buffer.from(proof.frame).toString('base64')
  return {
    format: proofFormat,
    segment,
    index,
    firstIndex,
    count,
    frame,
    path,
    root: hex(proof.root),
  }
}

interface ProofParts {
  readonly entry: ProvenEntry
  readonly frame: Buffer
  readonly path: readonly Buffer[]
}

/** Checks the shape of what may be anything. */
function readProof(given: unknown): ProofParts | null {
  if (typeof given !== 'object' || given === null) return null
  const { format, index, firstIndex, count, frame, path } = given as Record<string, unknown>
  if (format !== proofFormat || typeof frame !== 'string' || !Array.isArray(path)) return null
  if (!isPosition(index) || !isPosition(firstIndex) || !isPosition(count)) return null
  if (index < firstIndex || index - firstIndex >= count || path.length > pathMax) return null
  const hashes = path.map((hash: unknown) => (typeof hash === 'string' ? toHash(hash) : null))
  const whole = hashes.filter((hash) => hash !== null)
  const bytes = Buffer.from(frame, 'base64')
  const entry = readFrame(bytes)
  return entry === null || whole.length < hashes.length
    ? null
    : { entry, frame: bytes, path: whole }
}

/** Header (12 bytes), body (term, index, kind, payload), checksum. */
function readFrame(frame: Buffer): ProvenEntry | null {
  if (frame.byteLength < framePrefixBytes + frameTrailerBytes) return null
  if (frame.readUInt32LE(4) !== frame.byteLength - 12 - frameTrailerBytes) return null
  const [term, index] = [frame.readBigUInt64LE(12), frame.readBigUInt64LE(20)].map(Number)
  const payload = frame.subarray(framePrefixBytes, frame.byteLength - frameTrailerBytes)
  const kind = frame[28] ?? 0
  return isPosition(index) && isPosition(term) ? { index, term, kind, payload } : null
}

/** From a leaf to the root, as in RFC 9162 §2.1.3.2; null when the path is too long or too short. */
function foldPath(
  leaf: Buffer,
  leafPlace: number,
  count: number,
  path: readonly Buffer[],
): Buffer | null {
  let [place, last, hash] = [leafPlace, count - 1, leaf]
  for (const beside of path) {
    if (last === 0) return null
    if (place % 2 === 1 || place === last) {
      hash = nodeOf(beside, hash)
      // A last subtree that is alone on its level goes up as it is.
      while (place % 2 === 0 && place !== 0) [place, last] = [half(place), half(last)]
    } else {
      hash = nodeOf(hash, beside)
    }
    ;[place, last] = [half(place), half(last)]
  }
  return last === 0 ? hash : null
}

const leafOf = (frame: Buffer): Buffer => createHash('sha256').update(frame).digest()

/** Frames begin with 1, so no leaf can be passed off as a node. */
const nodeOf = (left: Buffer, right: Buffer): Buffer =>
  createHash('sha256').update(nodePrefix).update(left).update(right).digest()

const nodePrefix = Buffer.of(2)

const half = (value: number): number => Math.floor(value / 2)

function toHash(given: Uint8Array | string): Buffer | null {
  if (typeof given === 'string') {
    return /^[0-9A-Fa-f]{64}$/.test(given) ? Buffer.from(given, 'hex') : null
  }
  const isHash = given instanceof Uint8Array && given.byteLength === hashBytes
  return isHash ? Buffer.from(given) : null
}

const isPosition = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
