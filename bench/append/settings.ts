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
  /** Blocks begin at multiples of it. */
  readonly blockAlignmentBytes: number
  /** Whether appends block their thread (`appendSync`). */
  readonly blocking: boolean
}

/** What takes durable appends. */
export interface AppendSystem {
  /** Resolves when all payloads are durable.
   *  @param appender number of the caller, from 0. */
  append(payloads: readonly Uint8Array[], appender: number): Promise<unknown>
  /** Bytes of the disk that appends have taken so far, padding included; absent where nobody counts. */
  blockBytesWritten?(): number
  close(): Promise<void>
}

/** Peers that `--against` names; the last two need no package. */
export const peerNames = [
  'better-sqlite3',
  'classic-level',
  'lmdb',
  'fs-promises',
  'fs-sync',
] as const

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
  readonly blockAlignments: readonly number[]
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

/** The systems of a matrix for one load: clustor under every setting, then the yardsticks. Only a single appender is measured
 *  with calls that block: there nobody else waits for the thread. */
export function subjectsOf(matrix: AppendMatrix, load: AppendLoad): AppendSubject[] {
  const alone = load.concurrency === 1
  const forms = alone && load.batch === 1 ? [false, true] : [false]
  return [
    ...optionsOf(matrix).flatMap((each) =>
      forms.map((blocking) => ({ name: 'clustor' as const, options: { ...each, blocking } })),
    ),
    { name: 'js-group-commit' },
    ...matrix.against.filter((name) => alone || name !== 'fs-sync').map((name) => ({ name })),
  ]
}

type LogOptionsOfMatrix = Omit<AppendLogOptions, 'blocking'>

function optionsOf(matrix: AppendMatrix): LogOptionsOfMatrix[] {
  return crossed<LogOptionsOfMatrix>({
    ledger: matrix.ledgers,
    durability: matrix.durabilities,
    aead: matrix.aead,
    trailers: matrix.trailers,
    logs: matrix.logs,
    blockAlignmentBytes: matrix.blockAlignments,
  })
}

/** Every combination of values, those of the last name change first. */
function crossed<Combination extends object>(lists: {
  readonly [Name in keyof Combination]: readonly Combination[Name][]
}): Combination[] {
  return Object.entries<readonly unknown[]>(lists).reduce<Record<string, unknown>[]>(
    (combinations, [name, values]) =>
      combinations.flatMap((combination) =>
        values.map((value) => ({ ...combination, [name]: value })),
      ),
    [{}],
  ) as Combination[]
}
