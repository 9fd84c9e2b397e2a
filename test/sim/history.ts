/** One operation of a client on the key-value machine, as it saw it. */
export interface Operation {
  readonly client: string
  readonly op: 'put' | 'get' | 'cas' | 'delete'
  readonly key: string
  /** What a put or cas writes; null for a cas that deletes, a get and a delete. */
  readonly value: string | null
  /** The version that a cas expects. */
  readonly expected: number | null
  readonly result: ReadResult | WriteResult | null
  /** `fail`: it certainly had no effect. `unknown`: it may have had one, or may still have it. */
  readonly outcome: 'ok' | 'fail' | 'unknown'
  readonly callNs: number
  /** When the answer came; of an unknown operation, when the client gave up. */
  readonly returnNs: number
}

export interface ReadResult {
  /** Null for a key that is not there. */
  readonly value: string | null
  readonly version: number
}

export interface WriteResult {
  readonly done: boolean
  readonly previousVersion: number
  readonly version: number
}
