import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { integerBetween, SeededRandom } from '../../src/base/random.js'
import { createKeyFile, DurableLog, KeyRing, type LogOptions } from '../../src/log.js'
import { startFixture } from '../support/run-fixture.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { reportPipe, seedOf, type ChildSettings } from './log-kill-payload.js'

/** Kills per setting; CLUSTOR_KILLS raises it for a long run. */
const kills = Number(process.env['CLUSTOR_KILLS'] ?? 60)
/** CLUSTOR_SEED repeats a run. */
const seed = Number(process.env['CLUSTOR_SEED'] ?? Date.now() % 2 ** 31)
/** A directory is left after so many lives, so that reading it back stays cheap. */
const livesPerDirectory = 20

const program = new URL('log-kill-child.js', import.meta.url)

/** What must be found: the seed of the payload at an index. */
type Entries = Map<number, number>

/** A log that is killed again and again, and what is known about it. */
interface Victim {
  readonly directory: string
  readonly options: LogOptions
  readonly keysFile: string | null
  readonly random: SeededRandom
  /** What any life acknowledged, or a later opening has found. */
  readonly entries: Entries
}

/** `aead` encrypts the log. */
type VictimOptions = LogOptions & { readonly aead?: true }

const settings: readonly VictimOptions[] = [
  { durability: 'strict' },
  { durability: 'group' },
  { durability: 'group', ledger: 'overlapped' },
  { durability: 'group', ledger: 'inline' },
  { durability: 'strict', ledger: 'inline', ledgerConfirmMs: 1 },
  { durability: 'strict', aead: true },
  { durability: 'group', aead: true },
  { durability: 'group', ledger: 'overlapped', aead: true },
  { durability: 'group', ledger: 'inline', aead: true },
  { durability: 'group', encoding: 'json', ledgerCodec: 'json', merkleLeaves: true },
]

for (const options of settings) {
  const name = Object.values({ ...options, ...(options.aead && { aead: 'encrypted' }) }).join(', ')
  test(`W01: kill -9 at a random moment loses nothing acknowledged (${name})`, async (t) => {
    t.timeout(10 * 60_000)
    t.log(`CLUSTOR_SEED=${seed}`)
    const random = new SeededRandom(seed)
    const counts = { acknowledged: 0, unacknowledged: 0 }

    for (let life = 0; life < kills;) {
      const victim = newVictim(t, options, random)
      for (let round = 0; round < livesPerDirectory && life < kills; round++, life++) {
        const acknowledged = await liveAndDie(victim)
        counts.acknowledged += acknowledged.size
        counts.unacknowledged += await check(t, victim, acknowledged, life)
      }
    }

    t.log(
      `${kills} kills: ${counts.acknowledged} acknowledged, ${counts.unacknowledged} more found`,
    )
    t.true(counts.acknowledged > kills)
  })
}

function newVictim(
  t: ExecutionContext,
  { aead, ...wanted }: VictimOptions,
  random: SeededRandom,
): Victim {
  // Small files, so that lives end in rotations and ledger switches too.
  const segmentBytes = 64 * 1024 * integerBetween(random, 1, 8)
  const options = { ...wanted, segmentBytes, ledgerBytesMax: 64 * 1024 }
  const keysFile = aead ? createKeyFile(join(temporaryDirectory(t), 'keys.json')).path : null
  return { directory: temporaryDirectory(t), options, keysFile, random, entries: new Map() }
}

/** Lets a process append until it is killed at a random moment.
 *  @returns what it had acknowledged. */
async function liveAndDie({ directory, options, keysFile, random }: Victim): Promise<Entries> {
  const settings: ChildSettings = {
    directory,
    seed: random.nextUint32(),
    appenders: integerBetween(random, 1, 32),
    log: options,
    keysFile,
  }
  const child = startFixture(program, [JSON.stringify(settings)])
  const closed = once(child, 'close')
  const chunks: Buffer[] = []
  const complaints: Buffer[] = []
  const pipe = child.stdio[reportPipe] as Readable
  pipe.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk))
  // Some die before they have started, in the middle of opening or recovering.
  const duringStart = integerBetween(random, 1, 8) === 1
  if (!duringStart) await Promise.race([once(pipe, 'data'), closed])
  await sleep(integerBetween(random, 0, 60))
  child.kill('SIGKILL')
  const [, signal] = (await closed) as [number | null, string | null]
  if (signal !== 'SIGKILL')
    throw new Error(`died by itself: ${Buffer.concat(complaints).toString()}`)
  return toEntries(Buffer.concat(chunks))
}

function toEntries(report: Buffer): Entries {
  const entries: Entries = new Map()
  for (let offset = 0; offset + 16 <= report.byteLength; offset += 16) {
    const index = report.readDoubleLE(offset)
    if (index > 0) entries.set(index, report.readDoubleLE(offset + 8))
  }
  return entries
}

/** Opens the log and compares: every acknowledged entry byte for byte, then only whole entries, without a gap.
 *  @returns how many entries were found that nobody had acknowledged. */
async function check(
  t: ExecutionContext,
  victim: Victim,
  acknowledged: Entries,
  life: number,
): Promise<number> {
  const { directory, options, keysFile, entries } = victim
  const keys = keysFile === null ? undefined : KeyRing.fromFile(keysFile)
  const where = `life ${life}, CLUSTOR_SEED=${seed}, ${directory}`
  for (const [index, payloadSeed] of acknowledged) {
    if (entries.has(index)) t.fail(`entry ${index} was acknowledged a second time; ${where}`)
    entries.set(index, payloadSeed)
  }
  const { log, recovery } = await DurableLog.open({ directory, keys, ...options })
  let unacknowledged = 0
  let next = Number(recovery.firstIndex)
  for await (const { index, payload } of log.read()) {
    const found = seedOf(payload)
    const expected = entries.get(index)
    if (index !== next++ || found === null || (expected ?? found) !== found) {
      return t.fail(`entry ${index}: expected seed ${expected}, found ${found}; ${where}`)
    }
    if (expected === undefined) unacknowledged += 1
    // Recovery has made it durable: from here on it has to stay.
    entries.set(index, found)
  }
  for (const index of entries.keys()) {
    if (index >= next) t.fail(`entry ${index} is lost, the log ends at ${next - 1}; ${where}`)
  }
  await truncateSometimes(victim, log, next - 1)
  await log.close()
  return unacknowledged
}

/** Cuts the log at either end now and then: the next life continues from there. */
async function truncateSometimes(
  { random, entries }: Victim,
  log: DurableLog,
  lastIndex: number,
): Promise<void> {
  const { firstIndex } = log.stats()
  if (lastIndex <= firstIndex) return
  const at = integerBetween(random, firstIndex + 1, lastIndex)
  switch (integerBetween(random, 1, 6)) {
    case 1:
      await log.truncateSuffix({ from: at })
      for (let index = at; index <= lastIndex; index++) entries.delete(index)
      return
    case 2:
      await log.truncatePrefix({ before: at })
      for (let index: number = firstIndex; index < at; index++) entries.delete(index)
      return
    default:
  }
}
