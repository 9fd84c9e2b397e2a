import { writeSync } from 'node:fs'
import { DurableLog, KeyRing } from '../../src/log.js'
import { payloadOf, reportPipe, type ChildSettings } from './log-kill-payload.js'

// Appends from many appenders until it is killed, and reports every acknowledged entry through a pipe.
const settings = JSON.parse(process.argv[2] ?? '{}') as ChildSettings
const keys = settings.keysFile === null ? undefined : KeyRing.fromFile(settings.keysFile)
const { log } = await DurableLog.open({ ...settings.log, keys, directory: settings.directory })
let acknowledged: number[] = []

report(0, 0)
await Promise.all(
  Array.from({ length: settings.appenders }, (_, position) => appendForever(position)),
)

async function appendForever(position: number): Promise<void> {
  for (let count = 0; ; count++) {
    const seed = (settings.seed + position * 65_537 + count * 31) >>> 0
    const { index } = await log.append(payloadOf(seed))
    if (acknowledged.length === 0) process.nextTick(reportAll)
    acknowledged.push(index, seed)
  }
}

function reportAll(): void {
  const pairs = acknowledged
  acknowledged = []
  report(...pairs)
}

/** Written at once: what is reported was acknowledged, whatever happens next. */
function report(...numbers: readonly number[]): void {
  const bytes = Buffer.from(Float64Array.from(numbers).buffer)
  for (let offset = 0; offset < bytes.byteLength;) {
    offset += writeSync(reportPipe, bytes, offset)
  }
}
