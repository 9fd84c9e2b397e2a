import type { AppendEntries, InstallSnapshot, Message } from '../../src/raft/messages.js'
import type { Ready } from '../../src/raft/ready.js'
import { describeConfiguration } from './confchange.js'
import type { Seen } from './election-narrator.js'
import type { Journal } from './journal.js'
import type { LogMirror } from './log-mirror.js'

/** Tells what a follower does with what its leader sends. The mirror of the log is still the one before the message. */
export class FollowerNarrator {
  readonly #log: LogMirror
  readonly #journal: Journal
  #handedOutIndex = 0

  constructor(log: LogMirror, journal: Journal) {
    this.#log = log
    this.#journal = journal
  }

  /** Entries were given to the state machine. */
  noteHandedOut({ committed }: Ready): void {
    this.#handedOutIndex = committed?.lastIndex ?? this.#handedOutIndex
  }

  sayHandled(seen: Seen, message: Message): void {
    if (message.kind === 'append-entries') this.#sayAppend(seen, message)
    else if (message.kind === 'install-snapshot') this.#saySnapshot(seen, message)
  }

  #sayAppend({ id, commitIndex }: Seen, message: AppendEntries): void {
    const { from, prevIndex, prevTerm, entries } = message
    if (prevIndex < commitIndex) return
    if (this.#log.matches(message)) {
      if (entries !== null) this.#log.sayAppended(entries)
      return
    }
    const own = `[logterm: ${this.#log.termAt(prevIndex)}, index: ${prevIndex}]`
    const theirs = `[logterm: ${prevTerm}, index: ${prevIndex}]`
    this.#journal.debug(`${id} ${own} rejected MsgApp ${theirs} from ${from}`)
  }

  #saySnapshot(seen: Seen, { snapshot }: InstallSnapshot): void {
    const { id, commitIndex, lastIndex, lastTerm } = seen
    const { index, term, configuration } = snapshot
    const what = `snapshot [index: ${index}, term: ${term}]`
    if (index <= commitIndex) {
      this.#journal.info(`${id} [commit: ${commitIndex}] ignored ${what}`)
      return
    }
    if (this.#log.termAt(index) === Number(term)) {
      const log = `lastindex: ${lastIndex}, lastterm: ${lastTerm}`
      this.#journal.info(`${id} [commit: ${index}, ${log}] fast-forwarded commit to ${what}`)
      this.#journal.info(`${id} [commit: ${index}] ignored ${what}`)
      return
    }
    this.#journal.info(`log [${this.#describeLog(seen)}] starts to restore ${what}`)
    this.#journal.info(`${id} switched to configuration ${describeConfiguration(configuration)}`)
    const log = `commit: ${index}, lastindex: ${index}, lastterm: ${term}`
    this.#journal.info(`${id} [${log}] restored ${what}`)
    this.#journal.info(`${id} [commit: ${index}] restored ${what}`)
    this.#log.noteRestored(snapshot)
  }

  #describeLog({ commitIndex, appliedIndex }: Seen): string {
    const applyingIndex = Math.max(appliedIndex, this.#handedOutIndex)
    const applied = `applied=${appliedIndex}, applying=${applyingIndex}`
    return `committed=${commitIndex}, ${applied}, ${this.#log.describeUnstable()}`
  }
}
