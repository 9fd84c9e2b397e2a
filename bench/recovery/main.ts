/** `npm run bench:recovery -- [--gib N] [--payload BYTES] [--batch N] [--threads N] [--rounds N] [--plain] [--dir DIR]
 *  [--json]`: how fast a log opens, that is: reads and verifies everything it holds. Each round opens the log in a fresh
 *  process, once with cold files (dropped from the page cache) and once with warm ones, and reads the same files with
 *  plain large reads beside it. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine, formatMachine } from '../cluster/machine.js'
import { spread, type Spread } from '../cluster/statistics.js'
import { fillLog, type OpenFigures, type RecoveryLog } from './log.js'

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '4' },
    payload: { type: 'string', default: '4096' },
    batch: { type: 'string', default: '64' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' },
    plain: { type: 'boolean', default: false },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
})
const gibibyte = 2 ** 30
const readBytes = 1 << 20

interface Sample {
  readonly files: 'cold' | 'warm'
  readonly opened: OpenFigures
  readonly rawReadSeconds: number
}

const directory = await mkdtemp(join(flags.dir, 'clustor-recovery-'))
try {
  await measure()
} finally {
  await rm(directory, { recursive: true, force: true })
}

async function measure(): Promise<void> {
  const machine = describeMachine(directory)
  const log: RecoveryLog = {
    directory: join(directory, 'log'),
    encrypted: !flags.plain,
    verifyThreads: Number(flags.threads),
  }
  const fill = { payloadBytes: Number(flags.payload), batchEntries: Number(flags.batch) }
  say(formatMachine(machine))
  say(`filling a log with ${flags.gib} GiB of payload`)
  await fillLog(log, { ...fill, bytes: Number(flags.gib) * gibibyte })
  const samples: Sample[] = []
  for (let round = 0; round < Number(flags.rounds); round++) {
    for (const files of ['cold', 'warm'] as const) {
      const sample = await sampleOpen(log, files)
      samples.push(sample)
      say(lineOf(sample))
    }
  }
  const figures = (['cold', 'warm'] as const).map((files) => summary(files, samples))
  if (flags.json)
    console.log(JSON.stringify({ benchmark: 'recovery', machine, ...fill, log, figures }))
}

async function sampleOpen(log: RecoveryLog, files: Sample['files']): Promise<Sample> {
  if (files === 'cold') dropFromCache(log.directory)
  const rawReadSeconds = await readAll(log.directory)
  if (files === 'cold') dropFromCache(log.directory)
  return { files, opened: openInChild(log), rawReadSeconds }
}

/** Opens the log in a process of its own, so that its peak memory is its own as well. */
function openInChild(log: RecoveryLog): OpenFigures {
  const program = fileURLToPath(new URL('open.js', import.meta.url))
  const child = spawnSync(process.execPath, [program, JSON.stringify(log)], { encoding: 'utf8' })
  if (child.status !== 0) throw new Error(`opening the log failed: ${child.stderr}`)
  return JSON.parse(child.stdout) as OpenFigures
}

/** Plain reads of every segment, one after the other: what the disk gives to a program that does nothing else. */
async function readAll(logDirectory: string): Promise<number> {
  const buffer = Buffer.alloc(readBytes)
  const started = performance.now()
  for (const file of await segmentsOf(logDirectory)) {
    const handle = await open(file)
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, readBytes)
      if (bytesRead === 0) break
    }
    await handle.close()
  }
  return (performance.now() - started) / 1000
}

/** `dd` asks the kernel to forget the cached pages of a file; nothing is written. */
function dropFromCache(logDirectory: string): void {
  const wal = join(logDirectory, 'wal')
  const script =
    'sync; for file in "$1"/*.log; do dd of="$file" oflag=nocache conv=notrunc,fdatasync count=0 status=none; done'
  const dropped = spawnSync('sh', ['-c', script, 'sh', wal], { encoding: 'utf8' })
  if (dropped.status !== 0) throw new Error(`cannot drop cached files: ${dropped.stderr}`)
}

async function segmentsOf(logDirectory: string): Promise<string[]> {
  const wal = join(logDirectory, 'wal')
  const names = await readdir(wal)
  return names.filter((name) => name.startsWith('segment-')).map((name) => join(wal, name))
}

interface Summary {
  readonly files: Sample['files']
  readonly gibPerSecond: Spread
  readonly rawReadGibPerSecond: Spread
  readonly residentMib: Spread
}

function summary(files: Sample['files'], samples: readonly Sample[]): Summary {
  const own = samples.filter((sample) => sample.files === files)
  return {
    files,
    gibPerSecond: spread(own.map(({ opened }) => opened.scannedBytes / gibibyte / opened.seconds)),
    rawReadGibPerSecond: spread(
      own.map(({ opened, rawReadSeconds }) => opened.scannedBytes / gibibyte / rawReadSeconds),
    ),
    residentMib: spread(own.map(({ opened }) => opened.residentGrowthBytes / 2 ** 20)),
  }
}

function lineOf({ files, opened, rawReadSeconds }: Sample): string {
  const gib = opened.scannedBytes / gibibyte
  const rate = (gib / opened.seconds).toFixed(2)
  const raw = (gib / rawReadSeconds).toFixed(2)
  const resident = (opened.residentGrowthBytes / 2 ** 20).toFixed(0)
  return `${files}: ${gib.toFixed(2)} GiB verified at ${rate} GiB/s (plain reads ${raw}), memory +${resident} MiB`
}

function say(text: string): void {
  if (!flags.json) console.log(text)
}
