import { decodeCommand } from '../apply/command.js'
import type { SkippedIndexes } from '../apply/skipped-indexes.js'
import { ClustorError } from '../base/errors.js'
import type { LogIndex, Term } from '../base/ids.js'
import { asIndex } from '../base/ids.js'
import { entryKinds } from '../raft/entry-range.js'
import type { FrameBatch, ReplicaLog } from '../wal/replica-log.js'
import type { FrameSource } from './frame-source.js'

/** A proposal that was applied. */
export interface Change {
  readonly index: LogIndex
  readonly term: Term
  /** The proposer's bytes: a view, valid for as long as it is held; it keeps its batch in memory. */
  readonly payload: Uint8Array
}

/** What a subscription needs of its replica. */
export interface ChangeFeed {
  readonly log: ReplicaLog
  readonly source: FrameSource
  readonly skipped: SkippedIndexes
  appliedIndex(): LogIndex
  /** Resolves when the applied index has moved, the replica has stopped, or somebody called `wake`. */
  nextApplied(): Promise<void>
  wake(): void
  /** Why there will be no more changes; null while there may be. */
  ended(): ClustorError | null
}

/** Where a subscription begins, and who may end it. */
export interface ChangeStart {
  readonly from: LogIndex
  readonly signal: AbortSignal | undefined
}

/** Frame bytes that one subscription holds at a time, about. */
const pageBytesMax = 256 * 1024

/** The applied proposals from an index on: those in the log first, later ones as they are applied; in order, none twice,
 *  none missing. Retries and refused proposals are left out. It reads at the pace of its consumer.
 *  @throws ERR_INDEX_COMPACTED when `from` is below the log's first index; ERR_ABORTED by the signal; the reason for
 *  which the replica stopped. */
export async function* changes(
  feed: ChangeFeed,
  options: ChangeStart,
): AsyncGenerator<Change, void, undefined> {
  for await (const page of changePages(feed, options)) yield* page
}

/** The same, page by page: what a remote subscription sends. Pages are never empty. */
export async function* changePages(
  feed: ChangeFeed,
  { from, signal }: ChangeStart,
): AsyncGenerator<readonly Change[], void, undefined> {
  const wake = (): void => {
    feed.wake()
  }
  signal?.addEventListener('abort', wake)
  try {
    let next = from
    for (;;) {
      throwIfAborted(signal)
      const appliedIndex = feed.appliedIndex()
      if (next > appliedIndex) {
        const end = feed.ended()
        if (end !== null) throw end
        await feed.nextApplied()
        continue
      }
      const batch =
        feed.source.recent(next, appliedIndex, pageBytesMax) ??
        (await feed.source.read(next, appliedIndex, pageBytesMax))
      const page = changesOf(batch, feed)
      if (page.length > 0) yield page
      next = asIndex(batch.range.lastIndex + 1)
    }
  } finally {
    signal?.removeEventListener('abort', wake)
  }
}

function changesOf(batch: FrameBatch, { log, skipped }: ChangeFeed): readonly Change[] {
  const page: Change[] = []
  let position = 0
  for (const { term, kind, count } of batch.range.runs) {
    for (let end = position + count; position < end; position++) {
      const index = asIndex(batch.range.firstIndex + position)
      if (kind !== entryKinds.normal || skipped.has(index)) continue
      page.push({ index, term, payload: decodeCommand(log.payload(batch, position)).payload })
    }
  }
  return page
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return
  throw new ClustorError('ERR_ABORTED', 'the caller ended the subscription', {
    cause: signal.reason,
  })
}
