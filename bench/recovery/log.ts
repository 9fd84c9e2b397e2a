import { DurableLog, KeyRing, type OpenLogOptions } from '../../src/log.js'

/** A log to fill and open. */
export interface RecoveryLog {
  readonly directory: string
  readonly encrypted: boolean
  readonly verifyThreads: number
}

/** What opening a log took. */
export interface OpenFigures {
  readonly seconds: number
  readonly scannedBytes: number
  /** Peak resident set of the process, less what it was before the log was opened. */
  readonly residentGrowthBytes: number
}

/** How much to write, and in which pieces. */
export interface Fill {
  readonly bytes: number
  readonly payloadBytes: number
  readonly batchEntries: number
}

/** Batches in flight while the log is filled. */
const batchesInFlight = 8

/** Keys that are the same in every process. */
function benchKeys(): KeyRing {
  return KeyRing.fromBytes({
    dek: { 1: new Uint8Array(32).fill(1) },
    mac: { 1: new Uint8Array(32).fill(2) },
    activeDek: 1,
    activeMac: 1,
  })
}

/** The options that both the filling and the opening process use. */
export function optionsOf({ directory, encrypted, verifyThreads }: RecoveryLog): OpenLogOptions {
  return {
    directory,
    verifyThreads,
    durability: 'group',
    ...(encrypted ? { keys: benchKeys() } : {}),
  }
}

/** Appends batches until the log holds that many bytes of payload. */
export async function fillLog(
  log: RecoveryLog,
  { bytes, payloadBytes, batchEntries }: Fill,
): Promise<void> {
  const { log: durable } = await DurableLog.open({ ...optionsOf(log), ledger: 'inline' })
  const payload = new Uint8Array(payloadBytes).map((_, position) => (position * 31) & 0xff)
  const batch = Array.from({ length: batchEntries }, () => payload)
  let left = Math.ceil(bytes / (payloadBytes * batchEntries))
  const writer = async (): Promise<void> => {
    while (left-- > 0) await durable.appendBatch(batch)
  }
  await Promise.all(Array.from({ length: batchesInFlight }, writer))
  await durable.close()
}
