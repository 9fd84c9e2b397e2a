import type { ReplicaId } from '../../src/base/ids.js'
import type { AppendEntriesResponse, Message } from '../../src/raft/messages.js'
import type { CoreStatus, ProgressStatus, TransferResult } from '../../src/raft/ready.js'
import { describeFlow } from './describe.js'
import type { Seen } from './election-narrator.js'
import type { Journal } from './journal.js'
import type { LogMirror } from './log-mirror.js'

/** Tells what a leader makes of the answers of its followers. */
export class LeaderNarrator {
  readonly #log: LogMirror
  readonly #journal: Journal
  readonly #inflightMax: number

  /** @param inflightMax how many appends may be unanswered. */
  constructor(log: LogMirror, journal: Journal, inflightMax = Infinity) {
    this.#log = log
    this.#journal = journal
    this.#inflightMax = inflightMax
  }

  sayHandled(seen: Seen, message: Message, after: CoreStatus): void {
    if (seen.role !== 'leader' || message.kind !== 'append-entries-response') return
    const before = progressOf(seen, message.from)
    const progress = progressOf(after, message.from)
    if (before === undefined || progress === undefined) return
    if (message.rejected) this.#sayRejected(seen, before, message)
    else this.#sayAccepted(after, { before, progress }, message)
  }

  /** Tells of the followers that are sent a snapshot from here on. */
  saySnapshots(before: CoreStatus, after: CoreStatus, message?: Message): void {
    if (after.role !== 'leader') return
    for (const progress of after.progress) {
      const earlier = progressOf(before, progress.id)
      if (progress.state !== 'snapshot' || earlier === undefined) continue
      if (earlier.state !== 'snapshot')
        this.#saySnapshot(after, this.#woken(earlier, message), progress)
    }
  }

  sayTransfer(
    result: TransferResult,
    given: { readonly to: ReplicaId; readonly before: CoreStatus; readonly after: CoreStatus },
  ): void {
    const { to, before, after } = given
    const { id, term, transferee } = before
    if (transferee === to) {
      const what = `transfer leadership to ${to} is in progress, ignores request to same node ${to}`
      this.#journal.info(`${id} [term ${term}] ${what}`)
      return
    }
    if (result.kind !== 'started' && result.reason !== 'leads-already') {
      this.#sayNotTransferred(result.reason, before, to)
      return
    }
    if (transferee !== 0) {
      this.#journal.info(
        `${id} [term ${term}] abort previous transferring leadership to ${transferee}`,
      )
    }
    if (result.kind !== 'started') {
      this.#journal.debug(`${id} is already leader. Ignored transferring leadership to self`)
      return
    }
    this.#journal.info(`${id} [term ${term}] starts to transfer leadership to ${to}`)
    if (progressOf(after, to)?.matchIndex !== after.lastIndex) return
    const why = `as ${to} already has up-to-date log`
    this.#journal.info(`${id} sends MsgTimeoutNow to ${to} immediately ${why}`)
  }

  #sayNotTransferred(reason: string, before: CoreStatus, to: ReplicaId): void {
    const { id, role, term } = before
    if (reason === 'not-voter') {
      const isLearner = progressOf(before, to) !== undefined
      const what = isLearner
        ? `is learner. Ignored transferring leadership`
        : `no progress available for ${to}`
      this.#journal.debug(`${id} ${what}`)
    } else if (role === 'follower') {
      this.#journal.info(`${id} no leader at term ${term}; dropping leader transfer msg`)
    }
  }

  sayUnreachable(after: CoreStatus, to: ReplicaId): void {
    const progress = progressOf(after, to)
    if (progress === undefined) return
    const what = `failed to send message to ${to} because it is unreachable`
    this.#journal.debug(`${after.id} ${what} [${this.#describe(progress)}]`)
  }

  #sayRejected({ id }: Seen, before: ProgressStatus, message: AppendEntriesResponse): void {
    const { from, index, rejectHintIndex, rejectHintTerm } = message
    const hint = `hint: (index ${rejectHintIndex}, term ${rejectHintTerm})`
    this.#journal.debug(
      `${id} received MsgAppResp(rejected, ${hint}) from ${from} for index ${index}`,
    )
    const decreased = this.#decreased(before, message)
    if (decreased === undefined) return
    this.#journal.debug(`${id} decreased progress of ${from} to [${this.#describe(decreased)}]`)
  }

  #sayAccepted(
    { id, transferee, lastIndex }: CoreStatus,
    flow: { readonly before: ProgressStatus; readonly progress: ProgressStatus },
    { from, index }: AppendEntriesResponse,
  ): void {
    const { before, progress } = flow
    if (before.state === 'snapshot' && progress.state === 'replicate') {
      const nextIndex = Math.max(before.nextIndex, index + 1)
      const known = { ...before, matchIndex: index, nextIndex, recentActive: true }
      const what = `recovered from needing snapshot, resumed sending replication messages to ${from}`
      this.#journal.debug(`${id} ${what} [${this.#describe(known as ProgressStatus)}]`)
    }
    if (transferee !== from || progress.matchIndex !== lastIndex) return
    if (before.matchIndex === lastIndex) return
    this.#journal.info(`${id} sent MsgTimeoutNow to ${from} after received MsgAppResp`)
  }

  #saySnapshot(leader: CoreStatus, earlier: ProgressStatus, progress: ProgressStatus): void {
    const { id, firstIndex, commitIndex } = leader
    const { id: to, pendingSnapshotIndex: index } = progress
    const snapshot = `snapshot[index: ${index}, term: ${this.#log.termAt(index)}]`
    this.#journal.debug(
      `${id} [firstindex: ${firstIndex}, commit: ${commitIndex}] sent ${snapshot} to ${to} [${this.#describe(earlier)}]`,
    )
    this.#journal.debug(
      `${id} paused sending replication messages to ${to} [${this.#describe(progress)}]`,
    )
  }

  #describe(progress: ProgressStatus): string {
    return describeFlow(progress, this.#inflightMax)
  }

  /** A follower's progress as an answer of it leaves it, right before a snapshot is sent. */
  #woken(earlier: ProgressStatus, message?: Message): ProgressStatus {
    const isRejection =
      message?.kind === 'append-entries-response' && message.rejected && message.from === earlier.id
    const decreased = (isRejection ? this.#decreased(earlier, message) : undefined) ?? earlier
    const fresh = { paused: false, recentActive: true, inflightMessages: 0, inflightBytes: 0 }
    return { ...decreased, ...fresh, state: 'probe' }
  }

  /** Where a refusal takes the next index; undefined for one that is out of date. */
  #decreased(before: ProgressStatus, message: AppendEntriesResponse): ProgressStatus | undefined {
    const { index, rejectHintIndex, rejectHintTerm } = message
    const { matchIndex, nextIndex, state } = before
    const awake = { ...before, paused: false, recentActive: true }
    if (state === 'replicate') {
      if (index <= matchIndex) return undefined
      return { ...awake, nextIndex: (matchIndex + 1) as typeof nextIndex }
    }
    if (nextIndex - 1 !== Number(index)) return undefined
    const meeting =
      rejectHintTerm > 0
        ? this.#log.lastWithTermAtMost(rejectHintIndex, rejectHintTerm)
        : rejectHintIndex
    const next = Math.max(Math.min(index, meeting + 1), matchIndex + 1)
    return { ...awake, nextIndex: next as typeof nextIndex }
  }
}

const progressOf = ({ progress }: CoreStatus, id: ReplicaId): ProgressStatus | undefined =>
  progress.find((candidate) => candidate.id === id)
