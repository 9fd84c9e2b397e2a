import type { NativeAnchor, NativeFailures, NativeLog } from './addon.js'

/** One stage of the commit path (native/wal/stats.h). */
export interface NativeHistogram {
  readonly count: number
  readonly totalUs: number
  readonly maxUs: number
  readonly p50Us: number
  readonly p99Us: number
}

/** Counters of an open log (native/wal/stats.h). */
export interface NativeStats extends NativeFailures {
  /** The newest durable block. */
  readonly anchor: NativeAnchor
  readonly firstIndex: number
  readonly durableIndex: number
  /** 0 when there is no entry. */
  readonly durableTerm: number
  readonly queuedWrites: number
  readonly queuedBytes: number
  readonly segments: number
  readonly segmentBytes: number
  readonly ledgerBytes: number
  readonly segmentSyncs: number
  readonly ledgerSyncs: number
  readonly bytesWritten: number
  readonly frameBytesWritten: number
  readonly entriesWritten: number
  readonly blocks: number
  readonly rotations: number
  readonly lateSpares: number
  readonly recycledSegments: number
  readonly ledgerSwitches: number
  readonly shortages: number
  /** How long the disk step that commits wait for is under way. */
  readonly syncInFlightMs: number
  readonly stages: Readonly<
    Record<'queue' | 'encode' | 'write' | 'sync' | 'ledger', NativeHistogram>
  >
}

/** One for all logs: it is filled and read without a turn between. */
const numbers = new Float64Array(48)
const none: NativeFailures = { poison: null, quarantine: null }

/** Takes the counters of an open log, at the price of one call of the addon. */
export function readStats(log: Pick<NativeLog, 'stats' | 'failures'>): NativeStats {
  log.stats(numbers)
  const next = cursor()
  // In the order of FillStats (native/binding/convert.cc).
  const { poison, quarantine } = next() === 0 ? none : log.failures()
  const anchor = { block: next(), checksum: next(), firstIndex: next() }
  return {
    anchor,
    firstIndex: anchor.firstIndex,
    durableIndex: next(),
    durableTerm: next(),
    queuedWrites: next(),
    queuedBytes: next(),
    segments: next(),
    segmentBytes: next(),
    ledgerBytes: next(),
    segmentSyncs: next(),
    ledgerSyncs: next(),
    bytesWritten: next(),
    frameBytesWritten: next(),
    entriesWritten: next(),
    blocks: next(),
    rotations: next(),
    lateSpares: next(),
    recycledSegments: next(),
    ledgerSwitches: next(),
    shortages: next(),
    syncInFlightMs: next() / 1e6,
    poison,
    quarantine,
    stages: {
      queue: readHistogram(next),
      encode: readHistogram(next),
      write: readHistogram(next),
      sync: readHistogram(next),
      ledger: readHistogram(next),
    },
  }
}

function cursor(): () => number {
  let at = 0
  return () => numbers[at++] ?? 0
}

const readHistogram = (next: () => number): NativeHistogram => ({
  count: next(),
  totalUs: next() / 1e3,
  maxUs: next() / 1e3,
  p50Us: next() / 1e3,
  p99Us: next() / 1e3,
})
