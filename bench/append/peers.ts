import { fdatasyncSync, writevSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { GroupCommit } from './group-commit.js'
import type { PeerModules } from './peer-install.js'
import type { AppendSystem, PeerName } from './settings.js'
import { openZeroedFile, zeroedFileBytes } from './zeroed-file.js'

/** Opens a peer in the form that suits it best: alone, each append is committed by itself; among others, everything that
 *  waits goes into one commit, where the peer offers that. Every append is durable when it is answered. */
export async function openPeer(
  name: PeerName,
  directory: string,
  concurrency: number,
  modules: PeerModules,
): Promise<AppendSystem> {
  switch (name) {
    case 'better-sqlite3':
      return openSqlite(modules.get(name) as SqliteModule, directory, concurrency)
    case 'classic-level':
      return await openLevel(modules.get(name) as LevelModule, directory, concurrency)
    case 'lmdb':
      return openLmdb(modules.get(name) as LmdbModule, directory)
    case 'fs-promises':
      return await openFile(directory)
    case 'fs-sync':
      return await openBlockingFile(directory)
  }
}

type SqliteModule = new (path: string) => {
  pragma(text: string): unknown
  exec(text: string): unknown
  prepare(text: string): { run(value: Uint8Array): unknown }
  transaction<Argument>(run: (argument: Argument) => void): (argument: Argument) => void
  close(): void
}

/** WAL with synchronous=FULL: each transaction syncs the WAL once. Its calls block, so a group is what one turn brought. */
function openSqlite(Database: SqliteModule, directory: string, concurrency: number): AppendSystem {
  const database = new Database(join(directory, 'sqlite'))
  database.pragma('journal_mode=WAL')
  database.pragma('synchronous=FULL')
  database.exec('create table log(id integer primary key, payload blob)')
  const insert = database.prepare('insert into log(payload) values(?)')
  const commit = database.transaction((payloads: readonly Uint8Array[]) => {
    for (const payload of payloads) insert.run(payload)
  })
  const group = new GroupCommit(async (payloads) => {
    await new Promise(setImmediate)
    commit(payloads)
  })
  return {
    append: async (payloads) => {
      if (concurrency > 1) await group.append(payloads)
      else commit(payloads)
    },
    close: async () => {
      await group.idle()
      database.close()
    },
  }
}

interface LevelModule {
  readonly ClassicLevel: new (
    path: string,
    options: object,
  ) => {
    open(): Promise<void>
    put(key: Uint8Array, value: Uint8Array, options: object): Promise<void>
    batch(operations: readonly object[], options: object): Promise<void>
    close(): Promise<void>
  }
}

async function openLevel(
  { ClassicLevel }: LevelModule,
  directory: string,
  concurrency: number,
): Promise<AppendSystem> {
  const encodings = { keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false }
  const database = new ClassicLevel(join(directory, 'level'), encodings)
  await database.open()
  let next = 0n
  const nextKey = (): Buffer => {
    const key = Buffer.allocUnsafe(8)
    key.writeBigUInt64BE(next++)
    return key
  }
  const group = new GroupCommit((payloads) =>
    database.batch(
      payloads.map((value) => ({ type: 'put', key: nextKey(), value })),
      { sync: true },
    ),
  )
  return {
    append: async (payloads) => {
      const [only] = payloads
      if (concurrency > 1 || payloads.length > 1 || only === undefined) await group.append(payloads)
      else await database.put(nextKey(), only, { sync: true })
    },
    close: async () => {
      await group.idle()
      await database.close()
    },
  }
}

interface LmdbModule {
  readonly open: (options: object) => {
    put(key: number, value: Uint8Array): Promise<boolean> & { readonly flushed?: Promise<void> }
    close(): Promise<void>
  }
}

/** lmdb groups by itself what is put while a commit runs; `flushed` is its word for durable. */
function openLmdb(module: LmdbModule, directory: string): AppendSystem {
  const options = { encoding: 'binary', keyEncoding: 'uint32', separateFlushed: true }
  const store = module.open({ path: join(directory, 'lmdb'), ...options })
  let next = 1
  return {
    append: async (payloads) => {
      await Promise.all(
        payloads.map(async (payload) => {
          const committed = store.put(next++, payload)
          await committed
          await committed.flushed
        }),
      )
    },
    close: () => store.close(),
  }
}

/** A file handle, a write and a datasync for each append: what the manual suggests. */
async function openFile(directory: string): Promise<AppendSystem> {
  const file = await open(join(directory, 'file'), 'a')
  return {
    append: async (payloads) => {
      await file.writev(payloads)
      await file.datasync()
    },
    close: () => file.close(),
  }
}

/** The least that JavaScript can do: two calls that block, on a file of zeros. What `appendSync` does, without its frames. */
async function openBlockingFile(directory: string): Promise<AppendSystem> {
  const file = await openZeroedFile(join(directory, 'file'))
  let offset = 0
  return {
    append: (payloads) => {
      const bytes = writevSync(file.fd, payloads, offset)
      fdatasyncSync(file.fd)
      // The next append is as long.
      offset = offset + 2 * bytes > zeroedFileBytes ? 0 : offset + bytes
      return Promise.resolve()
    },
    close: () => file.close(),
  }
}
