/** `npm run bench:memory -- [--gib N] [--payload BYTES] [--dir DIR] [--json]`: what a node's memory does while its log
 *  grows. Three node processes take puts on 1,000 keys, so that the state stays small, until each log holds N GiB. */
import { mkdtemp, readdir, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freeAddresses } from '../../src/cli/free-ports.js'
import { ClustorSystem } from '../cluster/clustor.js'
import { describeMachine, formatMachine } from '../cluster/machine.js'
import { residentBytesOf } from '../cluster/processes.js'

const { values: flags } = parseArgs({
  options: {
    gib: { type: 'string', default: '1' },
    payload: { type: 'string', default: '4096' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'boolean', default: false },
  },
})
const mebibyte = 2 ** 20
const [gibibytes, payloadBytes] = [Number(flags.gib), Number(flags.payload)]
const directory = await mkdtemp(join(flags.dir, 'clustor-memory-'))
const plan = {
  directory,
  addresses: await freeAddresses(3),
  nodeFlags: ['--durability=group'],
  connections: 4,
  keyCount: 1_000,
}
const interrupted = new AbortController()
process.once('SIGINT', () => {
  interrupted.abort(new Error('interrupted'))
})
const { signal } = interrupted

const machine = describeMachine(flags.dir)
if (!flags.json) console.log(formatMachine(machine))
const cluster = await ClustorSystem.start(plan, signal)
try {
  await report()
} finally {
  await cluster.stop()
}

async function report(): Promise<void> {
  const samples = []
  let logBytes = 0
  while (logBytes < gibibytes * 2 ** 30) {
    const load = await cluster.load({ clients: 256, seconds: 2, payloadBytes }, signal)
    logBytes = await segmentBytesOf(directory)
    const residentBytes = cluster.pids.map((pid) => residentBytesOf([pid]))
    samples.push({ logBytes, residentBytes, putsPerSecond: load.operationsPerSecond })
    if (!flags.json) console.log(lineOf(logBytes, residentBytes))
  }
  const residentBytesMax = Math.max(...samples.flatMap(({ residentBytes }) => residentBytes))
  if (flags.json) console.log(JSON.stringify({ machine, payloadBytes, samples, residentBytesMax }))
  else console.log(`largest resident set of a node: ${inMebibytes(residentBytesMax)}`)
}

/** Sealed and current segments of the node whose log is largest. */
async function segmentBytesOf(root: string): Promise<number> {
  const bytesByNode = new Map<string, number>()
  for (const entry of await readdir(root, { recursive: true })) {
    if (!/segment-\d+\.log$/.test(entry)) continue
    const node = entry.split('/')[0] ?? ''
    const { size } = await stat(join(root, entry))
    bytesByNode.set(node, (bytesByNode.get(node) ?? 0) + size)
  }
  return Math.max(0, ...bytesByNode.values())
}

function lineOf(logBytes: number, residentBytes: readonly number[]): string {
  const resident = residentBytes.map(inMebibytes).join(', ')
  return `log of a node ${inMebibytes(logBytes)}: resident ${resident}`
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(0)} MiB`
}
