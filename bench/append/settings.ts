/** How the logs that are measured are opened. */
export interface AppendLogOptions {
  readonly ledger: 'ordered' | 'overlapped' | 'inline'
  readonly durability: 'strict' | 'group'
  /** Whether blocks are encrypted. */
  readonly aead: boolean
  /** Whether segments end with a trailer. */
  readonly trailers: boolean
  /** Logs that the appenders share between them. */
  readonly logs: number
}

/** What takes durable appends. */
export interface AppendSystem {
  /** Resolves when all payloads are durable.
   *  @param appender number of the caller, from 0. */
  append(payloads: readonly Uint8Array[], appender: number): Promise<unknown>
  close(): Promise<void>
}

/** Peers that `--against` names; the last needs no package. */
export const peerNames = ['better-sqlite3', 'classic-level', 'lmdb', 'fs-promises'] as const

export type PeerName = (typeof peerNames)[number]

/** What is loaded in every row of a report. */
export interface AppendLoad {
  readonly payloadBytes: number
  /** Appenders; each waits for its append before it sends the next. */
  readonly concurrency: number
  /** Entries of one append, which become durable together. */
  readonly batch: number
}

/** A system with its settings. The settings are those of `clustor`; the others have none. */
export type AppendSubject =
  | { readonly name: 'clustor'; readonly options: AppendLogOptions }
  | { readonly name: 'js-group-commit' | PeerName }

/** What to measure; every list is crossed with every other. */
export interface AppendMatrix {
  readonly payloads: readonly number[]
  readonly concurrencies: readonly number[]
  readonly batches: readonly number[]
  readonly ledgers: readonly AppendLogOptions['ledger'][]
  readonly durabilities: readonly AppendLogOptions['durability'][]
  readonly aead: readonly boolean[]
  readonly trailers: readonly boolean[]
  /** Numbers of logs that the appenders share between them. */
  readonly logs: readonly number[]
  readonly against: readonly PeerName[]
}

/** The loads of a matrix, the largest group that is compared directly. */
export function loadsOf({ payloads, batches, concurrencies }: AppendMatrix): AppendLoad[] {
  return payloads.flatMap((payloadBytes) =>
    batches.flatMap((batch) =>
      concurrencies.map((concurrency) => ({ payloadBytes, concurrency, batch })),
    ),
  )
}

/** The systems of a matrix: clustor under every setting, then the yardsticks. */
export function subjectsOf(matrix: AppendMatrix): AppendSubject[] {
  const { ledgers, durabilities, aead, trailers, logs, against } = matrix
  const options = ledgers.flatMap((ledger) =>
    durabilities.flatMap((durability) =>
      aead.flatMap((encrypted) =>
        trailers.flatMap((sealed) =>
          logs.map((count) => ({
            ledger,
            durability,
            aead: encrypted,
            trailers: sealed,
            logs: count,
          })),
        ),
      ),
    ),
  )
  return [
    ...options.map((each) => ({ name: 'clustor' as const, options: each })),
    { name: 'js-group-commit' },
    ...against.map((name) => ({ name })),
  ]
}
