/** `peers.json` beside a log: docs/wal-format.md §2.2. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { ClustorError } from '../base/errors.js'
import type { LogIndex, ReplicaId } from '../base/ids.js'
import { asIndex, asReplica } from '../base/ids.js'
import { replaceFile } from '../wal/replace-file.js'

/** The log under which a peer is known. */
export interface KnownPeer {
  readonly incarnation: number
  /** The newest change of membership that was applied here when it became known. */
  readonly sinceIndex: LogIndex
}

/** What the file holds. */
export interface PeersFile {
  /** 0 when nothing is known. */
  readonly epoch: number
  readonly peers: ReadonlyMap<ReplicaId, KnownPeer>
}

const format = 1

/** Where it stands in the directory of a partition. */
export const peersFileOf = (directory: string): string => join(directory, 'peers.json')

/** Reads the file; a missing one knows nothing.
 *  @throws ERR_LOG_CORRUPT when it has not its form, ERR_FORMAT_NEWER; what the file system says. */
export function readPeersFile(path: string): PeersFile {
  const text = readIfThere(path)
  if (text === null) return { epoch: 0, peers: new Map() }
  try {
    return parse(JSON.parse(text) as Written)
  } catch (cause) {
    if (cause instanceof ClustorError) throw cause
    throw new ClustorError('ERR_LOG_CORRUPT', `${path} does not have its form`, {
      cause,
      fields: { path },
    })
  }
}

/** Replaces the file, durably. @throws what the file system says. */
export async function writePeersFile(path: string, { epoch, peers }: PeersFile): Promise<void> {
  const rows = [...peers].sort(([a], [b]) => a - b)
  const table = rows.map(([replica, { incarnation, sinceIndex }]) => [
    String(replica),
    { incarnation: String(incarnation), since: String(sinceIndex) },
  ])
  const written = { format, epoch: String(epoch), peers: Object.fromEntries(table) as unknown }
  await replaceFile(path, `${JSON.stringify(written, null, 2)}\n`)
}

/** As written, unchecked. */
interface Written {
  readonly format: number
  readonly epoch: string
  readonly peers: Readonly<Record<string, { readonly incarnation: string; readonly since: string }>>
}

function parse({ format: found, epoch, peers }: Written): PeersFile {
  if (found > format) {
    throw new ClustorError('ERR_FORMAT_NEWER', `peers.json has format ${found}, known is ${format}`)
  }
  const rows = Object.entries(peers).map(([replica, { incarnation, since }]) => {
    const known = { incarnation: integer(incarnation), sinceIndex: asIndex(integer(since)) }
    return [asReplica(integer(replica)), known] as const
  })
  return { epoch: integer(epoch), peers: new Map(rows) }
}

function integer(text: string): number {
  const value = Number(text)
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(value)) return value
  throw new RangeError(`${text} is no number of the file`)
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
