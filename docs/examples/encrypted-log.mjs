// An encrypted log, a key rotation, and a proof: node docs/examples/encrypted-log.mjs [directory]
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createKeyFile, DurableLog, KeyRing, rotateKeyFile, verifyProof } from 'clustor/log'

const given = process.argv[2]
const directory = given ?? (await mkdtemp(join(tmpdir(), 'clustor-log-')))
const keyFile = join(directory, 'keys.json')

// As `clustor keys create FILE` does. Without its keys a log is lost: keep a copy elsewhere.
if (!existsSync(keyFile)) createKeyFile(keyFile)
const keys = KeyRing.fromFile(keyFile)
const { log } = await DurableLog.open({
  directory: join(directory, 'log'),
  keys,
  // Data to be thrown away may be in memory, as /tmp often is.
  unsafeFileSystem: given === undefined,
})
await log.appendBatch([Buffer.from('apples'), Buffer.from('pears'), Buffer.from('plums')])

// New segments use the new keys; the ring still holds those of the segments that are there.
rotateKeyFile(keyFile)
const rotated = KeyRing.fromFile(keyFile)
await log.rotateKeys(rotated)
const { index } = await log.append(Buffer.from('nuts'))
console.log(`entry ${index} is under new keys`)

// Whoever believes the root of a segment can check an entry of it without the log and without its keys.
const proof = await log.prove(2)
const root = await log.merkleRoot(proof.segment)
console.log(`entry 2 is proven: ${verifyProof(proof, root)}`)
console.log(`in another place: ${verifyProof({ ...proof, index: 1 }, root)}`)

await log.close()
keys.dispose() // zeroes them
rotated.dispose()
if (given === undefined) await rm(directory, { recursive: true })
