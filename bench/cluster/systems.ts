/** What is asked of a system in one measurement. */
export interface LoadShape {
  readonly clients: number
  readonly seconds: number
  readonly payloadBytes: number
}

/** What one measurement of a system gave. */
export interface LoadSample {
  readonly operationsPerSecond: number
  readonly failed: number
  readonly p50Us: number
  readonly p99Us: number
  /** CPU time of all server processes together for one operation, microseconds. */
  readonly serverCpuUs: number
  /** Resident memory of all server processes together. */
  readonly serverBytes: number
}

/** Three running server processes and what loads them. */
export interface LoadedSystem {
  readonly name: string
  readonly loader: string
  /** Ids of the server processes. */
  readonly pids: readonly number[]
  load(shape: LoadShape, signal: AbortSignal): Promise<LoadSample>
  stop(): Promise<void>
}
