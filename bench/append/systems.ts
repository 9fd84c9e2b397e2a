import { join } from 'node:path'
import { DurableLog, type KeyRing } from '../../src/log.js'
import { JsGroupCommit } from './js-group-commit.js'

/** What takes durable appends. */
export interface AppendSystem {
  /** Resolves when the payload is durable. */
  append(payload: Uint8Array): Promise<unknown>
  close(): Promise<void>
}

/** The systems of `bench append`. */
export const appendSystems = ['strict', 'group', 'js-group-commit'] as const

/** `strict` and `group` are `DurableLog` with that durability. */
export type AppendSystemName = (typeof appendSystems)[number]

/** How the logs that are measured are opened. */
export interface AppendLogOptions {
  readonly ledger: 'ordered' | 'overlapped' | 'inline'
  readonly keys: KeyRing | undefined
}

/** Opens a system with files of its own inside the directory. */
export async function openAppendSystem(
  name: AppendSystemName,
  directory: string,
  options: AppendLogOptions,
): Promise<AppendSystem> {
  if (name === 'js-group-commit') return await JsGroupCommit.open(join(directory, name))
  const place = join(directory, name)
  const { log } = await DurableLog.open({ ...options, directory: place, durability: name })
  return log
}
