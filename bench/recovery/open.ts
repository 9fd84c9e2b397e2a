/** Opens the log that its argument describes and prints what that took, as JSON. */
import { DurableLog } from '../../src/log.js'
import { optionsOf, type OpenFigures, type RecoveryLog } from './log.js'

const described = JSON.parse(process.argv[2] ?? '') as RecoveryLog
const peakBytes = (): number => process.resourceUsage().maxRSS * 1024

const before = peakBytes()
const started = performance.now()
const { log, recovery } = await DurableLog.open(optionsOf(described))
const figures: OpenFigures = {
  seconds: (performance.now() - started) / 1000,
  scannedBytes: recovery.scannedBytes,
  residentGrowthBytes: peakBytes() - before,
}
await log.close()
console.log(JSON.stringify(figures))
