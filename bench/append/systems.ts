import { join } from 'node:path'
import { JsGroupCommit } from './js-group-commit.js'
import { LogSystem, type OpenTime } from './log-system.js'
import type { PeerModules } from './peer-install.js'
import { openPeer } from './peers.js'
import type { AppendSubject, AppendSystem } from './settings.js'

/** Opens a system with files of its own inside the directory.
 *  @param concurrency appenders that will come; peers have another form for one. */
export async function openAppendSystem(
  subject: AppendSubject,
  directory: string,
  concurrency: number,
  modules: PeerModules,
  time: OpenTime,
): Promise<AppendSystem> {
  switch (subject.name) {
    case 'clustor':
      return await LogSystem.open(directory, subject.options, time)
    case 'js-group-commit':
      return await JsGroupCommit.open(join(directory, 'group-commit'))
    default:
      return await openPeer(subject.name, directory, concurrency, modules)
  }
}
