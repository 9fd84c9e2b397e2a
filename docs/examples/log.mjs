// The durable log alone: node docs/examples/log.mjs [directory]
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DurableLog } from 'clustor/log'

const given = process.argv[2]
const directory = given ?? (await mkdtemp(join(tmpdir(), 'clustor-log-')))

// Opening creates the log, or recovers what a crash left behind and says what it found.
// Data to be thrown away may be in memory, as /tmp often is; a log that is to be kept is refused there.
const unsafeFileSystem = given === undefined
const { log, recovery } = await DurableLog.open({
  directory,
  durability: 'group',
  unsafeFileSystem,
})
console.log(`${recovery.outcome}, ${recovery.lastIndex} entries`)

// Resolved means durable: synced in its segment, recorded and synced in the ledger. Many at once share the syncs.
const orders = ['apples', 'pears', 'plums'].map((fruit) => Buffer.from(fruit))
const appended = await Promise.all(orders.map((order) => log.append(order)))
console.log(`durable at ${appended.map(({ index }) => index).join(', ')}`)

// A batch is durable as a whole or not at all.
const { firstIndex, lastIndex } = await log.appendBatch([Buffer.from('nuts'), Buffer.from('dates')])
console.log(`batch at ${firstIndex} to ${lastIndex}`)

// A script may block instead: no wake-up of another thread, no promise.
console.log(`blocking at ${log.appendSync(Buffer.from('figs')).index}`)

for await (const { index, payload } of log.read({ from: firstIndex - 1 })) {
  console.log(index, payload.toString())
}

// Errors have codes. This one says: nothing was written.
try {
  await log.append(Buffer.alloc(5 * 1024 * 1024))
} catch (error) {
  console.log(error.code, error.outcome)
}

await log.close()
if (given === undefined) await rm(directory, { recursive: true })
